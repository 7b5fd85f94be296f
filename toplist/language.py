"""The language that people are spoken to in: tables, verdicts and messages. Logs and stats are English always."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self


class Language(StrEnum):
    """What a text for people is written in."""

    ENGLISH = "en"
    CHINESE = "zh"


def locale_language(environ: Mapping[str, str] = os.environ) -> Language:
    """Chinese where the locale says so."""
    chosen = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return Language.CHINESE if chosen.lower().startswith("zh") else Language.ENGLISH


class Sentence(str):
    """An English sentence that can be said in Chinese, too."""

    chinese: str

    @classmethod
    def of(cls, english: str, chinese: str, **values: Any) -> Self:
        """Both are templates of `str.format`."""
        self = cls(english.format(**values))
        self.chinese = chinese.format(**values)
        return self


def said_in(language: Language, text: str) -> str:
    """A text in the language, where it is known in that; else in English."""
    return text.chinese if language is Language.CHINESE and isinstance(text, Sentence) else text
