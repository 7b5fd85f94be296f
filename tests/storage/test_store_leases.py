"""One list, one crawl: who may fetch it, and when another may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, update

from tests.feeds.feed_samples import DAY, an_entry
from toplist.items import ListKey, RankList, RejectedRow, Source, Status
from toplist.ranktypes import Protocol
from toplist.storage.database import database_now, open_database, writing
from toplist.storage.history import History
from toplist.storage.ledger import LEASE, Claim, Claimed, Leases, Ledger, LedgerEntry, lease_owner_name
from toplist.storage.tables import list_snapshot

KEY = ListKey(Source.SANDBOX, Protocol.BASE64, "hot", "10166")
OTHER = KEY._replace(category_id="311")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    Ledger(engine, DAY).plan([KEY, OTHER], None, 20)
    yield engine
    engine.dispose()


def a_crawl(engine: Engine, job: str = "crawl") -> Leases:
    return Leases(engine, DAY, lease_owner_name(job))


def never(_: LedgerEntry) -> bool:
    return False


def if_complete(mark: LedgerEntry) -> bool:
    return mark.satisfies(None)


def let_pass(engine: Engine, seconds: float) -> None:
    """As if the leases had been taken that much earlier."""
    with writing(engine) as connection:
        connection.execute(update(list_snapshot).values(lease_expires_at=list_snapshot.c.lease_expires_at - seconds))


def ended(status: Status = Status.COMPLETE) -> RankList:
    rows = [an_entry()] if status is Status.COMPLETE else []
    return RankList(key=KEY, snapshot_date=DAY, status=status, page_size=20, entries=rows)


def test_a_list_is_held_by_one(engine: Engine) -> None:
    first, second = a_crawl(engine), a_crawl(engine)
    assert first.claim(KEY, never).claimed is Claimed.OURS
    assert first.claim(KEY, never).claimed is Claimed.OURS
    assert second.claim(KEY, never).claimed is Claimed.LEASED
    assert second.claim(OTHER, never).claimed is Claimed.OURS


def test_a_lease_ends_when_its_crawl_is_gone_and_not_while_it_renews(engine: Engine) -> None:
    first, second = a_crawl(engine), a_crawl(engine)
    first.claim(KEY, never)
    let_pass(engine, LEASE - 1)
    assert second.claim(KEY, never).claimed is Claimed.LEASED
    first.renew()
    let_pass(engine, LEASE - 1)
    assert second.claim(KEY, never).claimed is Claimed.LEASED
    let_pass(engine, 1)
    assert second.claim(KEY, never).claimed is Claimed.OURS
    assert first.claim(KEY, never).claimed is Claimed.LEASED


def test_a_renewal_is_of_ones_own_leases(engine: Engine) -> None:
    first, second = a_crawl(engine), a_crawl(engine)
    first.claim(KEY, never)
    let_pass(engine, LEASE + 1)
    second.renew()
    assert second.claim(KEY, never).claimed is Claimed.OURS


def test_a_lease_of_before_a_reboot_holds_nothing(engine: Engine) -> None:
    first, second = a_crawl(engine), a_crawl(engine)
    first.claim(KEY, never)
    with writing(engine) as connection:
        connection.execute(update(list_snapshot).values(lease_expires_at=database_now(connection) + LEASE + 3600))
    assert second.claim(KEY, never).claimed is Claimed.OURS


def test_what_is_given_back_is_free(engine: Engine) -> None:
    first, second = a_crawl(engine), a_crawl(engine)
    first.claim(KEY, never)
    second.release()
    assert second.claim(KEY, never).claimed is Claimed.LEASED
    first.release()
    assert second.claim(KEY, never).claimed is Claimed.OURS


def test_a_list_that_has_ended_is_free_however_it_ended(engine: Engine) -> None:
    first, second = a_crawl(engine), a_crawl(engine)
    history = History(engine, Ledger(engine, DAY))
    first.claim(KEY, never)
    assert history.store(ended())
    assert second.claim(KEY, if_complete) == Claim(Claimed.COMPLETE, 1)
    assert second.claim(KEY, never).claimed is Claimed.OURS
    assert not history.store(ended(Status.FAILED))  # what is there is worth more
    assert first.claim(KEY, never).claimed is Claimed.OURS


def test_a_holder_has_a_name_of_its_own_that_fits(engine: Engine) -> None:
    names = {
        lease_owner_name("6487ec79947edab326d6db28a2d86511e8247444" * 3),
        lease_owner_name(None),
        lease_owner_name(None),
    }
    assert len(names) == 3
    assert max(map(len, names)) == 64


def test_a_complete_list_counts_with_the_rows_of_the_feed(engine: Engine) -> None:
    rejected = RejectedRow(position=2, reason="no id", row={})
    ended_list = ended().model_copy(update={"rejected": [rejected], "duplicates": 3})
    with writing(engine) as connection:
        Ledger(engine, DAY).record_result(connection, ended_list)
    assert a_crawl(engine).claim(KEY, if_complete) == Claim(Claimed.COMPLETE, 1)
