"""Every exception of ours, by what it asks for.

::

    ToplistError
    ├── InputError          stop, and fix the argument or the setting it names
    ├── StorageUnavailable  stop: the database has been away for too long
    └── ApiError        the gateway said no; carries code, message, request id and list
        ├── FatalApiError         stop the crawl: no later request could succeed (key, secret, token, protocol)
        ├── ListError      this list failed for good
        ├── PermissionDenied      this rank type's lists fail, or this endpoint's; the rest go on
        ├── Throttled       slow down and ask again; no attempt is spent
        ├── Forbidden       everything pauses, then ask again
        ├── ClockSkewed     correct the clock by the gateway's Date, once, and ask again
        └── TransientApiError      ask again, a limited number of times
"""

from __future__ import annotations


class ToplistError(Exception):
    """Base of every exception raised by toplist itself."""


class InputError(ToplistError):
    """An argument or a setting is wrong. The message is one sentence that names it and says what is accepted."""


class StorageUnavailable(ToplistError):
    """The database did not come back within the time that work waits for it. The message says why."""


class ApiError(ToplistError):
    """The gateway refused. Raised by `toplist.api` where an answer is read.

    `code` is the gateway's own, or one of ours (`http 502`, `unreadable`) where it gave none.
    """

    is_unreadable = False

    def __init__(self, code: str, message: str = "", *, request_id: str | None = None, subject: str | None = None):
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.request_id = request_id
        self.subject = subject

    def __str__(self) -> str:
        parts = [f"{self.subject}: " if self.subject else "", self.code]
        if self.message:
            parts.append(f": {self.message}")
        if self.request_id:
            parts.append(f" (request {self.request_id})")
        return "".join(parts)


class FatalApiError(ApiError):
    """Key, secret, token or protocol are not accepted: the crawl stops at the first one."""


class ListError(ApiError):
    """This list can't be had, and asking again would not change it."""


class PermissionDenied(ApiError):
    """The app has no grant: for the rank type, or (`whole_endpoint`) for everything behind the endpoint."""

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
    """Too many requests for the gateway's taste."""


class Forbidden(ApiError):
    """HTTP 403 without a code that the tables know."""


class ClockSkewed(ApiError):
    """The timestamp was refused."""


class TransientApiError(ApiError):
    """No answer that can be read: 5xx, cut off, not JSON, or a backend that did not respond."""

    is_unreadable = True
