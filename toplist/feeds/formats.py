"""The feed's formats, by the suffix that names them."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The value is the suffix, without its first dot."""

    JSONL = "jsonl"
    JSONL_GZ = "jsonl.gz"
    CSV = "csv"
    PARQUET = "parquet"

    @classmethod
    def of(cls, name: str) -> Format | None:
        """The format of a path or a key, by its suffix; None where the suffix names none."""
        file_name = name.replace("\\", "/").rpartition("/")[2].lower()
        return next((format_ for format_ in cls if file_name.removesuffix(f".{format_}") not in ("", file_name)), None)

    @property
    def content_type(self) -> str:
        """The media type that goes with it on S3."""
        return _CONTENT_TYPES[self]


_CONTENT_TYPES = {
    Format.JSONL: "application/x-ndjson",
    Format.JSONL_GZ: "application/gzip",
    Format.CSV: "text/csv; charset=utf-8",
    Format.PARQUET: "application/vnd.apache.parquet",
}
