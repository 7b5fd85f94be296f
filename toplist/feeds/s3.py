"""Files as objects of S3, or of anything that speaks it: uploaded, then verified.

Endpoint, keys and region come from `S3Options`, and what it leaves out from boto3's own places (AWS_ENDPOINT_URL_S3,
AWS_PROFILE, ~/.aws, the machine's role). boto3 is imported where it is needed: without S3 nobody needs it.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy.settings import BaseSettings

from toplist.errors import ToplistError
from toplist.feeds.formats import ExistingFeed, read_existing
from toplist.feeds.uris import Target

SECRET_SETTINGS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PART = 16 * 2**20  # bytes of a part; larger files are uploaded in parts

_ROWS, _DATE, _SOURCE = "toplist-rows", "toplist-snapshot-date", "toplist-source"


class S3Error(ToplistError):
    """S3 refused or did not answer. The message is one clause without secrets."""


class S3Unreachable(S3Error):
    """S3 did not answer: it may at another time."""


@dataclass(frozen=True, slots=True)
class S3Options:
    """Scrapy's `AWS_` settings. None leaves the choice to boto3."""

    endpoint_url: str | None = field(default=None, repr=False)  # may hold a password
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    region_name: str | None = None

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> S3Options:
        """From AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION_NAME."""
        names = ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION_NAME")
        return cls(*(settings.get(f"AWS_{name}") or None for name in names))


class S3Store:
    """Objects by their target. Every method raises S3Error, and OSError for the local side.

    Every wait is bounded: 10 s to connect, 30 s without a byte, 3 attempts.
    """

    def __init__(self, options: S3Options | None = None) -> None:
        """Raises S3Error: no boto3, or options that it refuses."""
        with _explained():
            self._client = _client(options or S3Options())

    def existing_feed(self, target: Target, scratch: Path) -> ExistingFeed | None:
        """What the object holds, by its metadata; where it has none, by reading it through the file `scratch`."""
        with _explained():
            found = self._get(target)
            if found is None:
                return None
            with closing(found["Body"]) as body:
                metadata = {name.lower(): value for name, value in found.get("Metadata", {}).items()}
                if metadata.get(_ROWS, "").isdecimal():
                    return ExistingFeed(int(metadata[_ROWS]), metadata.get(_DATE), metadata.get(_SOURCE))
                with scratch.open("wb") as file:
                    shutil.copyfileobj(body, file, 2**20)
        assert target.format is not None
        return read_existing(scratch, target.format)

    def exists(self, target: Target) -> bool:
        """Whether the object is there. Raises where endpoint, keys or bucket are wrong, so it checks the access too."""
        with _explained():
            found = self._get(target)
            if found is not None:
                found["Body"].close()
            return found is not None

    def upload(self, target: Target, path: Path, content_type: str, feed: ExistingFeed | None = None) -> None:
        """Upload the file and verify the object: its size and its checksum."""
        with _explained():
            self._upload(target, path, content_type, feed)
            self._verify(target, path)

    def _get(self, target: Target) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            # not HEAD: its refusals have no body, and so no reason
            found: dict[str, Any] = self._client.get_object(Bucket=target.bucket, Key=target.key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        return found

    def _upload(self, target: Target, path: Path, content_type: str, feed: ExistingFeed | None) -> None:
        from boto3.s3.transfer import TransferConfig

        metadata = {_ROWS: str(feed.rows), _DATE: feed.snapshot_date, _SOURCE: feed.source} if feed else {}
        options: dict[str, Any] = {
            "ContentType": content_type,
            "Metadata": {name: value for name, value in metadata.items() if value is not None},
        }
        if self._computes_checksums():
            options["ChecksumCRC32"] = _crc32(path)  # of the whole file: AWS refuses an upload that does not match it
        # Parts in order and one at a time: flat memory, and no thread that outlives the crawl.
        config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, use_threads=False)
        with path.open("rb") as file:
            self._client.upload_fileobj(file, target.bucket, target.key, ExtraArgs=options, Config=config)

    def _verify(self, target: Target, path: Path) -> None:
        head = self._client.head_object(Bucket=target.bucket, Key=target.key, ChecksumMode="ENABLED")
        size = path.stat().st_size
        if head["ContentLength"] != size:
            raise S3Error(f"the uploaded object has {head['ContentLength']} bytes instead of {size}")
        if self._computes_checksums() and head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
            same = head.get("ChecksumCRC32") == _crc32(path)
        else:
            same = self._sha256(target) == file_sha256(path)
        if not same:
            raise S3Error("the uploaded object differs from the file")

    def _computes_checksums(self) -> bool:
        """Whether a checksum that the server states is one that it computed. AWS does; others (rclone, for one) give
        back the one of the upload's header unchecked, so their objects are read back.
        """
        return _is_aws(self._client.meta.endpoint_url)

    def _sha256(self, target: Target) -> str:
        digest = hashlib.sha256()
        with closing(self._client.get_object(Bucket=target.bucket, Key=target.key)["Body"]) as body:
            for chunk in body.iter_chunks(2**20):
                digest.update(chunk)
        return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _crc32(path: Path) -> str:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            checksum = zlib.crc32(chunk, checksum)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()


def _is_aws(endpoint_url: str) -> bool:
    return ".amazonaws.com" in (urlsplit(endpoint_url).hostname or "")


def s3_secrets(settings: BaseSettings) -> list[str]:
    """The keys of the settings and of the environment, where there are any."""
    found = [source.get(name) for name in SECRET_SETTINGS for source in (settings, os.environ)]
    return [str(value) for value in found if value]


def quiet_boto() -> None:
    """Leave out boto3's debug lines: they hold keys and signatures."""
    for name in ("boto3", "botocore", "s3transfer"):
        logging.getLogger(name).setLevel(logging.INFO)


def _client(options: S3Options) -> Any:
    import boto3
    from botocore.config import Config

    quiet_boto()
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
    if _is_aws(client.meta.endpoint_url):
        return client
    # boto3's checksums come as a trailer that many S3-compatible servers refuse; their objects are read back anyway.
    lean = Config(request_checksum_calculation="when_required", response_checksum_validation="when_required")
    return connect(config.merge(lean))


@contextmanager
def _explained() -> Iterator[None]:
    """What boto3 raises in the block becomes S3Error with the reason in words."""
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
        from urllib3.exceptions import HTTPError
    except ImportError:
        raise S3Error("boto3 is missing: pip install boto3") from None
    try:
        yield
    except ClientError as error:
        raise S3Error(_refusal(error.response)) from None
    except (HTTPClientError, ConnectionError, HTTPError) as error:
        # Its kind alone: its text may hold the endpoint's user and password.
        raise S3Unreachable(
            f"the endpoint does not answer ({type(error).__name__}): check AWS_ENDPOINT_URL and the network"
        ) from None
    except (BotoCoreError, Boto3Error, ValueError) as error:
        raise S3Error(_REASONS.get(type(error).__name__, f"boto3 refuses ({type(error).__name__})")) from None


def _refusal(response: Mapping[str, Any]) -> str:
    code = str(response.get("Error", {}).get("Code") or "no code")
    message = " ".join(str(response.get("Error", {}).get("Message") or "").split())[:200]
    return _REASONS.get(code) or f"S3 refused with {code}: {message}"


_REASONS: Mapping[str, str] = {
    "InvalidAccessKeyId": "the access key is unknown there: check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "the key may not do this: it needs s3:PutObject, s3:GetObject and s3:ListBucket",
    "NoSuchBucket": "there is no such bucket",
    "ExpiredToken": "the session token has expired: check AWS_SESSION_TOKEN",
    "InvalidToken": "the session token is not accepted: check AWS_SESSION_TOKEN",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "PermanentRedirect": "the bucket is in another region: check AWS_REGION_NAME",
    "NoCredentialsError": "no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "PartialCredentialsError": "half of the keys: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ValueError": "the endpoint is no URL: check AWS_ENDPOINT_URL",
    "ProfileNotFound": "no such profile: check AWS_PROFILE",
    "403": "the key may not do this: it needs s3:PutObject, s3:GetObject and s3:ListBucket",
    "404": "the uploaded object is not there",
}
