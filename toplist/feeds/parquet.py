"""Parquet, typed from the item's own schema. Imported only where it is asked for: it needs pyarrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from pydantic import BaseModel

from toplist.feeds.writers import ByteSink, EntryWriter
from toplist.items import Entry

#: Rows of a row group: what is held in memory before it is written, some 20 MB.
ROW_GROUP = 20_000

_STRINGS = {None: pa.string(), "date": pa.date32(), "date-time": pa.timestamp("us", tz="UTC")}
_SCALARS = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


def arrow_schema(model: type[BaseModel]) -> pa.Schema:
    """The columns of a model, in its order: dates as date32, instants as timestamp[us, UTC], lists and structs nested;
    every column may be null, so that a file of another version still joins.

    Raises TypeError, naming the field, for a type that has no column here.
    """
    schema = model.model_json_schema(mode="serialization")
    definitions = schema.get("$defs", {})
    return pa.schema([_field(name, field, schema, definitions) for name, field in schema["properties"].items()])


def _field(name: str, schema: Mapping[str, Any], parent: Mapping[str, Any], definitions: Mapping[str, Any]) -> pa.Field:
    try:
        kind = _column_type(schema, definitions)
    except TypeError as error:
        raise TypeError(f"{parent.get('title', '')}.{name}: {error}") from None
    return pa.field(name, kind)


def _column_type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> pa.DataType:
    if "$ref" in schema:
        return _column_type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        return _column_type(choices[0], definitions)
    kind, form = schema.get("type"), schema.get("format")
    if kind == "string" and form in _STRINGS:
        return _STRINGS[form]
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind == "array" and "items" in schema:
        return pa.list_(_column_type(schema["items"], definitions))
    if kind == "object" and "properties" in schema:
        return pa.struct([_field(name, field, schema, definitions) for name, field in schema["properties"].items()])
    raise TypeError(f"no column type for {dict(schema)}")


class ParquetWriter(EntryWriter):
    """Row groups of `ROW_GROUP`, snappy: what Spark, Trino, Athena and DuckDB all read. Nothing is readable of a file
    whose writer was not closed: Parquet's index stands at its end.

    `names` maps the fields to write to their columns' names; default: all, under their own.
    """

    def __init__(self, file: ByteSink, names: Mapping[str, str] | None = None, row_group: int = ROW_GROUP) -> None:
        super().__init__(file)
        schema = arrow_schema(Entry)
        self._names = dict(names) if names is not None else {name: name for name in schema.names}
        self._schema = pa.schema([schema.field(name).with_name(column) for name, column in self._names.items()])
        self._columns = [(attrgetter(name), self._schema.field(column).type) for name, column in self._names.items()]
        self._row_group = row_group
        self._pending: list[pa.RecordBatch] = []
        self._sink = _Sink(file)
        self._parquet = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema, compression="snappy")

    def append(self, entries: Sequence[Entry]) -> None:
        arrays = [pa.array([_plain(value(entry)) for entry in entries], kind) for value, kind in self._columns]
        self._pending.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        if sum(batch.num_rows for batch in self._pending) >= self._row_group:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._parquet.close()

    def abandon(self) -> None:
        self._sink.abandon()  # pyarrow ends the file when its writer is collected

    def _flush(self) -> None:
        if self._pending:
            self._parquet.write_table(pa.Table.from_batches(self._pending, self._schema), self._row_group)
            self._pending.clear()


def parquet_head(path: Path, names: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """Row count of a file, by its index, and those of `names` that it has of its first row. Raises ValueError for what
    is no Parquet.
    """
    with pq.ParquetFile(path) as file:  # pyarrow's ArrowInvalid is a ValueError
        columns = [name for name in names if name in file.schema_arrow.names]
        first = next(file.iter_batches(1, columns=columns), None)
        return file.metadata.num_rows, first.to_pylist()[0] if first is not None and first.num_rows else {}


class _Sink:
    """The file as pyarrow needs it; closing it leaves the file open."""

    closed = False

    def __init__(self, file: ByteSink) -> None:
        self._file: ByteSink | None = file
        self._at = 0

    def abandon(self) -> None:
        self._file = None

    def write(self, data: bytes, /) -> int:
        data = bytes(data)
        if self._file is not None:
            self._file.write(data)
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
