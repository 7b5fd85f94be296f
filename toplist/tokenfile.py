"""The file that keeps the merchant's tokens between crawls: readable by its owner alone, replaced in one step."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import AsyncFileLock

from toplist.api.tokens import Tokens
from toplist.errors import InputError
from toplist.files import replacing

SETTING = "TOPLIST_TOKEN_FILE"

_WAIT = 120.0  # seconds for another process's refresh, a gateway's pause aside


@dataclass(frozen=True, slots=True)
class TokenFile:
    """`origin` stands for the tokens of the environment: a file that was made from others is older than they are."""

    path: Path
    origin: str

    @classmethod
    def of(cls, path: Path, given: Tokens) -> TokenFile:
        """The file at `path`, beside the tokens that the environment gives."""
        words = [word for word in (given.access_token, given.refresh_token) if word]
        return cls(path, hashlib.sha256("\n".join(words).encode()).hexdigest()[:16] if words else "")

    def read(self) -> Tokens | None:
        """The tokens in the file; None where there is no file, or where the environment's tokens were changed since.

        Raises InputError for a file that others may read or that can't be read.
        """
        try:
            if os.name == "posix" and stat.S_IMODE(self.path.stat().st_mode) & 0o077:
                raise InputError(f"{SETTING}={self.path} can be read by others: chmod 600 it.")
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if self.origin and content.get("origin") != self.origin:
                return None
            return Tokens(
                content["access_token"],
                content["refresh_token"],
                _instant(content["access_expires_at"]),
                _instant(content["refresh_expires_at"]),
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{SETTING}={self.path} can't be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            # What it holds is not told: it may be a token.
            raise InputError(f"{SETTING}={self.path} is not a file of ours: name another, or remove it.") from None

    def write(self, tokens: Tokens) -> None:
        """Replace the file's content, in one step. Raises OSError."""
        origin = self.origin
        if not origin and self.path.exists():
            # Without tokens of its own, this environment continues what another one's began.
            origin = json.loads(self.path.read_text(encoding="utf-8")).get("origin", "")
        content = {
            "access_token": tokens.access_token,
            "refresh_token": tokens.refresh_token,
            "access_expires_at": _text(tokens.access_expires_at),
            "refresh_expires_at": _text(tokens.refresh_expires_at),
            "origin": origin,
        }
        with replacing(self.path, keep_mode=False) as part:
            part.write_text(json.dumps(content), encoding="utf-8")

    def check(self) -> None:
        """Try, before the first request, what a refresh would need. Raises InputError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path.parent):
                pass
        except OSError as error:
            raise InputError(f"{SETTING}={self.path} can't be written: {error.strerror}.") from None

    def lock(self) -> AsyncFileLock:
        """For all processes that share the file: who refreshes holds it. Entering raises `filelock.Timeout`."""
        return AsyncFileLock(f"{self.path}.lock", timeout=_WAIT, mode=0o600)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
