"""The app's credentials. They never appear in a repr, a pickle or a redacted text."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

from toplist.ranktypes import Protocol
from toplist.redaction import Redactor


@dataclass(frozen=True, repr=False)
class Credentials:
    """Key and secret of an app and, for `openplatform`, the merchant's access token, or a refresh token to get one.

    `retired` are tokens that were in use before; they are redacted, too.
    """

    app_key: str
    app_secret: str
    access_token: str | None = None
    refresh_token: str | None = None
    retired: tuple[str, ...] = ()

    @property
    def protocol(self) -> Protocol:
        """The protocol of these credentials: `openplatform` with a token, `base64` without one."""
        return Protocol.OPENPLATFORM if self.access_token or self.refresh_token else Protocol.BASE64

    def renewed(self, access_token: str, refresh_token: str | None) -> Credentials:
        """The same app with new tokens."""
        old = (each for each in (self.access_token, self.refresh_token) if each)
        return replace(
            self,
            access_token=access_token,
            refresh_token=refresh_token,
            retired=tuple(dict.fromkeys((*self.retired, *old))),
        )

    def fingerprint(self) -> str:
        """The name of the key in the database: 32 hex digits. The key can't be computed from it without the secret."""
        return hmac.new(self.app_secret.encode(), self.app_key.encode(), hashlib.sha256).hexdigest()[:32]

    def redact(self, text: str) -> str:
        """The text with ``***`` in place of every secret, in any form; see `toplist.redaction`."""
        return self._redactor(text)

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor((self.app_key, self.app_secret, self.access_token, self.refresh_token, *self.retired))

    def __repr__(self) -> str:
        return "Credentials(***)"

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: object) -> Credentials:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are never stored")
