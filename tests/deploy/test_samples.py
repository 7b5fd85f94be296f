"""The samples in deploy/ hold what the page says of them."""

from __future__ import annotations

from configparser import ConfigParser

import pytest

from tests.harness import ROOT

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_scrapyds_configuration_leaves_empty_what_must_be() -> None:
    sample = ConfigParser()
    sample.read(ROOT / "deploy" / "scrapyd.conf")
    assert (sample["scrapyd"]["items_dir"], sample["scrapyd"]["jobs_dir"]) == ("", "")
    assert sample["scrapyd"]["username"]


@pytest.mark.parametrize("path", sorted((ROOT / "deploy").iterdir()), ids=lambda path: path.name)
def test_every_sample_is_explained(path: object) -> None:
    name = str(path).rpartition("/")[2]
    assert name in PAGE or f"{name.rpartition('.')[0]}.service` and `.{name.rpartition('.')[2]}" in PAGE
