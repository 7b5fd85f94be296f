"""Days that tests store without a gateway are those of a crawl."""

from datetime import date
from pathlib import Path

from tests.harness import Project
from tests.sandbox_days import store_sandbox_days
from toplist.items import Source
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.ledger import Ledger

DAY = date(2026, 11, 22)
#: All that the gateway says, and what the first day says of trends; the instants differ.
COMPARED = (
    *("rank_type", "category_id", "category_name", "rank", "offer_id", "title", "price", "sale_count", "supplier"),
    *("total", "repurchase_rate", "min_order", "movement", "trend_score"),
)


def test_a_stored_day_equals_the_day_of_a_crawl(project: Project, tmp_path: Path) -> None:
    crawled = project.crawl(None, "gateway=sandbox", f"snapshot_date={DAY}", "rank_types=hot,rise")
    assert crawled.status == 0, crawled.log
    engine = open_database(f"sqlite:///{tmp_path / 'days.db'}")
    store_sandbox_days(engine, DAY, 1, rank_types=["hot", "rise"])
    stored = [
        entry.model_dump(mode="json") for entry in History(engine, Ledger(engine, DAY)).entries(DAY, Source.SANDBOX)
    ]
    engine.dispose()
    feed = project.feed("sandbox")
    assert len(feed) > 60
    assert [[entry[name] for name in COMPARED] for entry in stored] == [
        [entry[name] for name in COMPARED] for entry in feed
    ]
