"""Every exception of the package, grouped by what the caller has to do.

::

    ToplistError
    ├── InputError              stop, and correct the argument or the setting that the message names
    ├── StorageUnavailable      stop: the database has been away for too long
    └── ApiError                the gateway refused; carries code, message, request id and list
        ├── FatalApiError       stop the crawl: no later request could succeed (key, secret, token, protocol)
        ├── ListError           this list failed for good
        ├── PermissionDenied    the lists of this rank type, or of this endpoint, fail; the others go on
        ├── Throttled           slow down and ask again; no attempt is used up
        ├── Forbidden           pause everything, then ask again
        ├── ClockSkewed         correct the clock by the gateway's Date header, once, and ask again
        └── TransientApiError   ask again, a limited number of times
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar


class ToplistError(Exception):
    """Base of every exception raised by toplist itself."""


class InputError(ToplistError):
    """An argument or a setting is wrong. The message is one sentence that names it and says what is accepted."""


class StorageUnavailable(ToplistError):
    """The database did not come back within the time that work waits for it. The message says why."""


class ApiError(ToplistError):
    """The gateway refused. Raised by `toplist.api` where an answer is read.

    `code` is the gateway's own, or one of ours (`http 502`, `unreadable`) where the gateway gave none. `subject` names
    the list or the call that the answer was for.
    """

    #: Counted in the stat ``toplist/api_errors/<stat_name>``.
    stat_name: ClassVar[str]
    #: Whether another attempt may bring the answer: a crawl counts such failures in a row.
    is_unreadable: ClassVar[bool] = False

    def __init__(self, code: str, message: str = "", *, request_id: str | None = None, subject: str | None = None):
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.request_id = request_id
        self.subject = subject

    def redact(self, redact: Callable[[str], str]) -> None:
        """Redact, in place, every text that the gateway gave: code, message and request id."""
        self.code, self.message = redact(self.code), redact(self.message)
        self.request_id = redact(self.request_id) if self.request_id else None
        self.args = (self.code, self.message)

    def __str__(self) -> str:
        parts = [f"{self.subject}: " if self.subject else "", self.code]
        if self.message:
            parts.append(f": {self.message}")
        if self.request_id:
            parts.append(f" (request {self.request_id})")
        return "".join(parts)


class FatalApiError(ApiError):
    """The gateway does not accept the key, the secret, the token or the protocol. The crawl stops."""

    stat_name = "fatal"


class ListError(ApiError):
    """The gateway can't serve this list, and asking again would not change that."""

    stat_name = "list_failed"


class PermissionDenied(ApiError):
    """The app has no grant: for the rank type, or (`whole_endpoint`) for everything behind the endpoint."""

    stat_name = "permission_denied"

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        request_id: str | None = None,
        subject: str | None = None,
        whole_endpoint: bool = False,
    ):
        super().__init__(code, message, request_id=request_id, subject=subject)
        self.whole_endpoint = whole_endpoint


class Throttled(ApiError):
    """The gateway rate-limited the request."""

    stat_name = "throttled"


class Forbidden(ApiError):
    """HTTP 403 without a known code."""

    stat_name = "forbidden"


class ClockSkewed(ApiError):
    """The gateway refused the request's timestamp."""

    stat_name = "clock_skewed"


class TransientApiError(ApiError):
    """No readable answer: HTTP 5xx, truncated, not JSON, or a backend of the gateway that did not respond."""

    stat_name = "transient"
    is_unreadable = True
