"""Running a gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading

from aiohttp import web

from toplist.errors import InputError
from toplist.sandbox.app import Gateway, application


def _watch_stdin(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Set `stop` at the end of standard input. A pipe ends with the process that holds it, however that dies."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, daemon=True).start()


def _announce(gateway: Gateway, host: str, port: int) -> None:
    keys = gateway.credentials
    line = {
        "url": f"http://{f'[{host}]' if ':' in host else host}:{port}/openapi",
        "app_key": keys.app_key,
        "app_secret": keys.app_secret,
        "access_token": keys.tokens.access_token,
        "refresh_token": keys.tokens.refresh_token,
    }
    print(json.dumps(line), flush=True)


async def serve(gateway: Gateway, host: str, port: int, *, until_stdin_closes: bool) -> None:
    """Serve until SIGINT, SIGTERM or the end of standard input. Prints one JSON line with the address and the keys.

    Raises InputError where the address can't be had.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    # A handler that withholds its answer must end when the client hangs up.
    gateway.market.warm(gateway.clocks.market_date())
    runner = web.AppRunner(application(gateway), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise InputError(f"the sandbox can't listen on {host}:{port}: {error.strerror or error}") from None
        if until_stdin_closes:
            _watch_stdin(stop, loop)
        _announce(gateway, host, runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()
