"""The picture of the page in the READMEs: `scrapy demo`, then `python -m benchmarks.picture`. Needs `chromium`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "report.png"
MAX_SIZE = 300_000


def main() -> None:
    """Take the newest page of the demo, from the top down to what moved, and write the picture."""
    pages = sorted((ROOT / ".scrapy" / "demo").glob("*.html"))
    if not pages:
        sys.exit("There is no page of the demo yet: run scrapy demo first.")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 900}, locale="zh-CN")
        page.goto(pages[-1].as_uri())
        page.wait_for_selector("html[data-ready]")
        page.screenshot(path=PICTURE)
        browser.close()
    size = PICTURE.stat().st_size
    print(f"{PICTURE.relative_to(ROOT)}: {size:,} bytes")
    if size > MAX_SIZE:
        sys.exit(f"It has more than {MAX_SIZE:,} bytes.")


if __name__ == "__main__":
    main()
