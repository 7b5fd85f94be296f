"""The app's credentials, held so that they do not show: not in a repr, a pickle or, once redacted, a text."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn
from urllib.parse import quote, quote_plus

from toplist.ranktypes import Protocol


@dataclass(frozen=True, repr=False)
class Credentials:
    """Key and secret of an app and, for `openplatform`, the merchant's access token or what brings one.

    `retired` are tokens that were in use before: they are hidden, too.
    """

    app_key: str
    app_secret: str
    access_token: str | None = None
    refresh_token: str | None = None
    retired: tuple[str, ...] = ()

    @property
    def protocol(self) -> Protocol:
        """What the credentials are for: with a token `openplatform`, without one `base64`."""
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
        """What the database knows the key as: 32 hex digits that can't be turned back into it without the secret."""
        return hmac.new(self.app_secret.encode(), self.app_key.encode(), hashlib.sha256).hexdigest()[:32]

    def redact(self, text: str) -> str:
        """The text with ``***`` for every value of ours, percent-encoded or not."""
        return self._pattern.sub("***", text) if self._pattern else text

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        given = (self.app_key, self.app_secret, self.access_token, self.refresh_token, *self.retired)
        values = [value for value in given if value]
        spellings = {spelling for value in values for spelling in (value, quote(value, safe=""), quote_plus(value))}
        # The longest first, so that a value which begins with another is not left with its tail showing.
        ordered = sorted(spellings, key=len, reverse=True)
        # Percent-encoding may be spelled in either case; a wider match hides more, which is the safe side.
        return re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    def __repr__(self) -> str:
        return "Credentials(***)"

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: object) -> Credentials:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are never stored")
