"""The feed's JSON Schema, from the item: `python -m toplist.feeds.schema > docs/entry.schema.json`."""

from __future__ import annotations

import json
import sys
from typing import Any

from toplist.items import Entry


def entry_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a line of the feed: every field is on every line, null where nothing was said."""
    schema = Entry.model_json_schema(mode="serialization")
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part["required"] = list(part["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def entry_schema_text() -> str:
    """The schema as it stands in the repository."""
    return json.dumps(entry_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(entry_schema_text().encode())  # UTF-8 on every terminal
