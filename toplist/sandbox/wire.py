"""How an answer leaves, whole or not: the part of the faults that happens on the connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass

from aiohttp import web

_SLICES = 40
_FOR_EVER = 86_400.0


@dataclass(frozen=True, slots=True)
class Letter:
    """An answer, ready to be sent."""

    status: int
    body: bytes
    headers: dict[str, str]


async def send(request: web.Request, letter: Letter, *, close: bool) -> web.StreamResponse:
    """Send it whole; `close` ends the connection after it."""
    response = web.Response(status=letter.status, body=letter.body, headers=letter.headers)
    if close:
        response.force_close()
    await response.prepare(request)
    await response.write_eof()
    return response


async def withhold(seconds: float | None) -> None:
    """Answer nothing. The server cancels this when the client hangs up."""
    await asyncio.sleep(_FOR_EVER if seconds is None else seconds)


def reset(request: web.Request) -> web.StreamResponse:
    """Reset the connection: no linger makes the kernel send RST instead of FIN."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def truncate(request: web.Request, letter: Letter) -> web.StreamResponse:
    """Promise the whole body, send half, hang up."""
    response = web.StreamResponse(status=letter.status, headers=letter.headers)
    response.content_length = len(letter.body)
    await response.prepare(request)
    await response.write(letter.body[: len(letter.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def drip(request: web.Request, letter: Letter, seconds: float) -> web.StreamResponse:
    """Send the body in small slices, evenly over `seconds`."""
    response = web.StreamResponse(status=letter.status, headers=letter.headers)
    response.content_length = len(letter.body)
    await response.prepare(request)
    step = max(1, len(letter.body) // _SLICES)
    for start in range(0, len(letter.body), step):
        await response.write(letter.body[start : start + step])
        await asyncio.sleep(seconds / _SLICES)
    await response.write_eof()
    return response
