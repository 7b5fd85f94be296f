import json
import subprocess
import sys
from pathlib import Path

from tests.feeds.feed_samples import an_entry
from toplist.feeds.schema import entry_schema, entry_schema_text
from toplist.items import ENTRY_FIELDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "entry.schema.json"


def test_the_schema_in_the_repository_is_the_items() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == entry_schema_text(), (
        "docs/entry.schema.json is out of date: python -m toplist.feeds.schema > docs/entry.schema.json"
    )


def test_the_command_that_the_message_names_writes_the_schema() -> None:
    command = [sys.executable, "-m", "toplist.feeds.schema"]
    done = subprocess.run(command, cwd=DOCUMENT.parents[1], capture_output=True, check=True)
    assert done.stdout.decode() == entry_schema_text()


def test_every_field_is_on_every_line_and_nothing_else() -> None:
    schema = entry_schema()
    assert schema["required"] == list(ENTRY_FIELDS) == list(json.loads(an_entry().model_dump_json()))
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["PriceTier"]["required"] == ["start_quantity", "price"]
