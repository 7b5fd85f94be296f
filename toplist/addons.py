"""What holds for every spider of the project: the keys for S3 do not show in its log."""

from __future__ import annotations

import re

from scrapy.settings import BaseSettings

from toplist.feeds.s3 import SECRET_SETTINGS, quiet_boto


class HiddenText(str):
    """Text that its `repr` does not show: Scrapy logs the overridden settings by theirs."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class HiddenPassword(str):
    """A URL that its `repr` shows without user and password."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(hide_password(str(self)))


class S3SecretsAddon:
    """Scrapy add-on: hides the S3 keys in the line `Overridden settings`, and boto3's debug lines, which hold them."""

    def update_settings(self, settings: BaseSettings) -> None:
        quiet_boto()
        for name in (*SECRET_SETTINGS, "AWS_ENDPOINT_URL"):
            value = settings.get(name)
            if isinstance(value, str):
                hidden = HiddenPassword(value) if name == "AWS_ENDPOINT_URL" else HiddenText(value)
                settings.set(name, hidden, priority=settings.getpriority(name) or 0)


def hide_password(text: str) -> str:
    """The text with `***` for the user and the password of every URL in it."""
    return re.sub(r"//\S*@", "//***@", text)
