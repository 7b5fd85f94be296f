"""The merchant's tokens as the sandbox gives them out: one access token is good at a time, and for so long.

Stricter than the platform is known to be, so that a crawl which keeps an old token is found out.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

DEFAULT_LIFE = 36_000  # what the platform says of its own
_REFRESH_LIFE = 180 * 86_400.0


@dataclass(slots=True)
class Tokens:
    """Times are Unix seconds by the gateway's clock. `life` is what a renewed token lasts; the first one lasts until
    it is renewed or expired by hand, unless `first_life` says otherwise."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    life: int = DEFAULT_LIFE
    expires_at: float | None = None
    renewals: int = 0

    def is_good(self, given: str, now: float) -> bool:
        """Whether an access token is the present one, and has not expired."""
        return _same(given, self.access_token) and (self.expires_at is None or now < self.expires_at)

    def expire(self, now: float) -> None:
        """End the present access token."""
        self.expires_at = now

    def renew(self, params: Mapping[str, str], app_key: str, app_secret: str, now: float) -> dict[str, Any]:
        """The answer of the refresh flow, in the platform's spelling; without a new refresh token, as is usual."""
        known = (("client_id", app_key), ("client_secret", app_secret), ("refresh_token", self.refresh_token))
        if params.get("grant_type") != "refresh_token":
            return {"error": "unsupported_grant_type", "error_description": "grant_type must be refresh_token"}
        for name, expected in known:
            if not _same(params.get(name, ""), expected):
                return {"error": "invalid_grant", "error_description": f"{name} is not accepted"}
        self.renewals += 1
        self.access_token = str(uuid4())
        self.expires_at = now + self.life
        return {
            "aliId": "8888888888",
            "resource_owner": "sandbox",
            "expires_in": str(self.life),
            "access_token": self.access_token,
        }


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
