"""The file: template, styles, scripts, the plotting library, and the content security policy that names them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from threading import Lock, Thread
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from toplist.errors import ToplistError
from toplist.report.columns import pack

#: In the order in which they are joined; the first defines what the others use.
SCRIPTS = ("base", "words", "data", "state", "filters", "offer", "plots", "table", "sections", "controls", "main")
LANGUAGES = ("zh", "en")
_FETCHING = Lock()
_FETCH = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"


def render_page(data: Mapping[str, Any], past: Mapping[str, Any]) -> str:
    """The page as text. `data` is what `assemble.page_data` gives, `past` what `EntryTable.past_as_json` gives."""
    page = _page()
    script, style, plots = page["script"], page["style"], page["plots"]
    text: str = _template().render(
        policy=content_security_policy(script, plots, style),
        title=f"toplist {data['snapshot_date']}",
        script=Markup(script),
        style=Markup(style),
        plots=_packed_text(plots),
        words=pack(_words()),
        data=pack(data),
        past=pack(past),
        text=_words()["zh"],
    )
    return text


def content_security_policy(script: str, plots: str, style: str) -> str:
    """Only the page's own scripts and styles, by their hashes; images for the reader who turns them on; nothing else.

    Style attributes are allowed, as the plots set them. They can't load anything: no source but images is open.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)} {_hash(plots)}",
            f"style-src-elem {_hash(style)}",
            "style-src-attr 'unsafe-inline'",
            "img-src https: http: data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def plotting_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, from the package vl-convert-python. Takes about 2 s, once."""
    with _FETCHING:
        return _fetch_library()


@cache
def _fetch_library() -> str:
    """In a process of its own: once used, the package holds 130 MB of memory, nearly as much as the rest of a crawl."""
    done = subprocess.run([sys.executable, "-c", _FETCH], capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
        raise ToplistError(f"The package vl-convert-python does not work: {reason}.")
    return done.stdout


def plotting_library_soon() -> None:
    """Begin to fetch and pack the plotting library in a thread: that keeps no lock that the database's reader needs."""
    Thread(target=lambda: _packed_text(plotting_library()), name="plotting-library", daemon=True).start()


@cache
def _page() -> dict[str, str]:
    """The parts of the page that are the same for every page. A script element must not hold its own end."""
    script = "\n".join(_read(f"scripts/{name}.js") for name in SCRIPTS)
    parts = {"script": f"(() => {{\n'use strict';\n{script}}})();\n", "style": _read("page.css")}
    assert "</script" not in parts["script"]
    assert "</style" not in parts["style"]
    return parts | {"plots": plotting_library()}


@cache
def _words() -> dict[str, dict[str, str]]:
    return {language: json.loads(_read(f"words/{language}.json")) for language in LANGUAGES}


@cache
def _template() -> Any:
    environment = Environment(
        loader=DictLoader({"page": _read("page.html.jinja")}), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page")


@cache
def _packed_text(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode("ascii")


def _read(name: str) -> str:
    return files("toplist.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
