"""A feed as an object of S3, or of anything that speaks it: uploaded, then verified.

Endpoint, keys and region come from `S3Options`, and what it leaves out from boto3's own places (AWS_ENDPOINT_URL_S3,
AWS_PROFILE, ~/.aws, the machine's role). boto3 is imported where it is needed: without S3 nobody needs it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from toplist.errors import ToplistError
from toplist.feeds.held import ExistingFeed, read_held
from toplist.feeds.uris import FeedTarget
from toplist.feeds.writers import Written

PART = 16 * 2**20  # bytes of a part; larger files go up in parts

T = TypeVar("T")

_ROWS, _DATE, _SOURCE = "toplist-rows", "toplist-snapshot-date", "toplist-source"


class S3Error(ToplistError):
    """S3 refused or did not answer. The message is one clause without secrets."""


class Settings(Protocol):
    """What is needed of Scrapy's settings: `get`."""

    def get(self, name: Any, default: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class S3Options:
    """Scrapy's `AWS_` settings. None leaves the choice to boto3."""

    endpoint_url: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    region_name: str | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> S3Options:
        """From AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION_NAME."""
        return cls(
            settings.get("AWS_ENDPOINT_URL") or None,
            settings.get("AWS_ACCESS_KEY_ID") or None,
            settings.get("AWS_SECRET_ACCESS_KEY") or None,
            settings.get("AWS_SESSION_TOKEN") or None,
            settings.get("AWS_REGION_NAME") or None,
        )


class S3Store:
    """Objects by their target. Every method raises S3Error, and OSError for the local side.

    Nothing waits for long: 10 s to connect, 30 s without a byte, 2 more attempts.
    """

    def __init__(self, options: S3Options | None = None) -> None:
        """Raises S3Error: no boto3, or options that it refuses."""
        self._client = _said(lambda: _client(options or S3Options()))

    def held(self, target: FeedTarget, scratch: Path) -> ExistingFeed | None:
        """What the object holds, by its metadata; where it has none, by reading it through the file `scratch`."""
        return _said(lambda: self._held(target, scratch))

    def reach(self, target: FeedTarget) -> None:
        """Ask for the object, and throw the answer away: raises where endpoint, keys or bucket are wrong."""
        _said(lambda: self._reach(target))

    def upload(self, target: FeedTarget, path: Path, written: Written, says: ExistingFeed) -> None:
        """Upload the file and verify the object: its size, and its sum by the ETag or by reading it back."""
        _said(lambda: self._upload(target, path, says))
        _said(lambda: self._verify(target, path, written))

    def _held(self, target: FeedTarget, scratch: Path) -> ExistingFeed | None:
        found = self._get(target)
        if found is None:
            return None
        with closing(found["Body"]) as body:
            says = {name.lower(): value for name, value in found.get("Metadata", {}).items()}
            if says.get(_ROWS, "").isdecimal():
                return ExistingFeed(int(says[_ROWS]), says.get(_DATE), says.get(_SOURCE))
            try:
                with scratch.open("wb") as file:
                    shutil.copyfileobj(body, file, 2**20)
                return read_held(scratch, target.format)
            finally:
                scratch.unlink(missing_ok=True)

    def _get(self, target: FeedTarget) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            # not HEAD: its refusals have no body, and so no reason
            found: dict[str, Any] = self._client.get_object(Bucket=target.bucket, Key=target.key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        return found

    def _reach(self, target: FeedTarget) -> None:
        found = self._get(target)
        if found is not None:
            found["Body"].close()

    def _upload(self, target: FeedTarget, path: Path, says: ExistingFeed) -> None:
        from boto3.s3.transfer import TransferConfig

        metadata = {_ROWS: str(says.rows), _DATE: says.snapshot_date, _SOURCE: says.source}
        with path.open("rb") as file:
            self._client.upload_fileobj(
                file,
                target.bucket,
                target.key,
                ExtraArgs={
                    "ContentType": target.format.content_type,
                    "Metadata": {name: value for name, value in metadata.items() if value is not None},
                },
                # parts in order and one at a time: flat memory, and no thread that outlives the crawl
                Config=TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, use_threads=False),
            )

    def _verify(self, target: FeedTarget, path: Path, written: Written) -> None:
        head = self._client.head_object(Bucket=target.bucket, Key=target.key)
        if head["ContentLength"] != written.size:
            raise S3Error(f"what arrived has {head['ContentLength']} bytes of {written.size}")
        etag = head.get("ETag", "").strip('"')
        if etag in (written.md5, _etag_of_parts(path) if "-" in etag else None):
            return
        # an encrypted object's ETag is no sum of it, and some servers make up their own: read it back
        digest = hashlib.sha256()
        with closing(self._client.get_object(Bucket=target.bucket, Key=target.key)["Body"]) as body:
            for chunk in body.iter_chunks(2**20):
                digest.update(chunk)
        if digest.hexdigest() != written.sha256:
            raise S3Error("what arrived differs from what was sent")


def _client(options: S3Options) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=10,
        read_timeout=30,
        retries={"total_max_attempts": 3, "mode": "standard"},
        max_pool_connections=4,
    )

    session = boto3.session.Session()

    def connect(config: Config) -> Any:
        return session.client(
            "s3",
            endpoint_url=options.endpoint_url,
            aws_access_key_id=options.access_key_id,
            aws_secret_access_key=options.secret_access_key,
            aws_session_token=options.session_token,
            region_name=options.region_name,
            config=config,
        )

    client = connect(config)
    if ".amazonaws.com" in (urlsplit(client.meta.endpoint_url).hostname or ""):
        return client
    # boto3's newer checksums come as a trailer that many S3-compatible servers refuse; ours is verified anyway
    lean = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    return connect(config.merge(lean))


def _etag_of_parts(path: Path) -> str:
    """S3's ETag of a file uploaded in parts of `PART`: the MD5 of their MD5s, and how many."""
    sums = []
    with path.open("rb") as file:
        while part := file.read(PART):
            sums.append(hashlib.md5(part, usedforsecurity=False).digest())
    return f"{hashlib.md5(b''.join(sums), usedforsecurity=False).hexdigest()}-{len(sums)}"


def _said(ask: Callable[[], T]) -> T:
    """The answer, or S3Error with the reason in words."""
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
        from urllib3.exceptions import HTTPError
    except ImportError:
        raise S3Error("boto3 is missing: pip install boto3") from None
    try:
        return ask()
    except ClientError as error:
        raise S3Error(_refusal(error.response)) from None
    except (HTTPClientError, ConnectionError, HTTPError) as error:
        raise S3Error(_silence(error)) from None
    except (BotoCoreError, Boto3Error, ValueError) as error:
        raise S3Error(_REASONS.get(type(error).__name__, f"boto3 refuses ({type(error).__name__})")) from None


def _refusal(response: Mapping[str, Any]) -> str:
    code = str(response.get("Error", {}).get("Code") or "no code")
    return _REASONS.get(code) or f"S3 refused with {code}: {_line(response.get('Error', {}).get('Message'))}"


def _silence(error: Exception) -> str:
    """Of an error on the wire its kind alone: its text may hold the endpoint's user and password."""
    return f"the endpoint does not answer ({type(error).__name__}): check AWS_ENDPOINT_URL and the network"


def _line(text: object) -> str:
    return " ".join(str(text or "").split())[:200]


_REASONS: Mapping[str, str] = {
    "InvalidAccessKeyId": "the access key is unknown there: check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "the key may not do this: it needs s3:PutObject, s3:GetObject and s3:ListBucket",
    "NoSuchBucket": "there is no such bucket",
    "ExpiredToken": "the session token has expired: check AWS_SESSION_TOKEN",
    "InvalidToken": "the session token is not accepted: check AWS_SESSION_TOKEN",
    "RequestTimeTooSkewed": "this machine's clock is off",
    "PermanentRedirect": "the bucket is in another region: check AWS_REGION_NAME",
    "NoCredentialsError": "no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "PartialCredentialsError": "half of the keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY both",
    "ValueError": "the endpoint is no URL: check AWS_ENDPOINT_URL",
    "ProfileNotFound": "no such profile: check AWS_PROFILE",
    "403": "the key may not do this: it needs s3:PutObject, s3:GetObject and s3:ListBucket",
    "404": "what was uploaded is not there",
}
