"""Models kept in the database: fitted once a day from the history, used from the next day on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, delete, insert, select, update

from toplist.backtesting import prove
from toplist.commands.backtest import as_data, as_text
from toplist.items import Entry, ListKey, RankList, Source, Status
from toplist.pipelines import TrendsPipeline
from toplist.ranktypes import Protocol
from toplist.storage.database import open_database
from toplist.storage.panels import histories, list_ids, read_panel, read_panels
from toplist.storage.storage import Storage
from toplist.storage.tables import list_, list_snapshot, observation, offer_version, trend_model
from toplist.storage.trend_models import TrendModels, TrendState
from toplist.trends.calibration import Bin
from toplist.trends.coverage import AUTO, Coverage
from toplist.trends.heat import Reference, heat_index, load_reference
from toplist.trends.lists import TrendConfig, compute_trends
from toplist.trends.observation import ListHistory, Observation, Snapshot

LISTS, OFFERS, DAYS, FIRST = 4, 40, 60, date(2026, 3, 1)
LAST = FIRST + timedelta(days=DAYS - 1)
OURS = (Source.GATEWAY, Protocol.BASE64)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Running totals of offers whose pace drifts; every list complete on every day."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('models') / 'a.db'}")
    random = np.random.default_rng(1)
    pace = 20 * np.exp(
        random.normal(0, 1, (LISTS, OFFERS)) + np.cumsum(random.normal(0, 0.1, (DAYS, LISTS, OFFERS)), 0)
    )
    counts = np.cumsum(random.poisson(pace), axis=0) + 500
    versions = [
        {
            "version_id": at * 100 + offer,
            "digest": f"{at}-{offer}",
            "offer_id": f"6{at}{offer:03}",
            "title": f"商品{offer}",
        }
        for at in range(LISTS)
        for offer in range(OFFERS)
    ]
    days = [FIRST + timedelta(days=step) for step in range(DAYS)]
    collected = [round(datetime(day.year, day.month, day.day).timestamp() * 1000) for day in days]  # noqa: DTZ001
    with engine.begin() as connection:
        keys = [
            {"list_id": at, "source": "1688", "protocol": "base64", "rank_type": "hot", "category_id": str(at)}
            for at in range(LISTS)
        ]
        connection.execute(insert(list_), keys)
        connection.execute(insert(offer_version), versions)
        for at in range(LISTS):
            snapshots = [
                {"list_id": at, "snapshot_date": day, "status": "complete", "received": OFFERS, "page_size": 20,
                 "reported_total": OFFERS, "collected_ms": collected[step]}
                for step, day in enumerate(days)
            ]  # fmt: skip
            connection.execute(insert(list_snapshot), snapshots)
            rows = [
                {"list_id": at, "snapshot_date": day, "rank": rank, "version_id": at * 100 + offer,
                 "collected_ms": collected[step], "sale_count": int(counts[step, at, offer])}
                for step, day in enumerate(days)
                for rank, offer in enumerate(np.argsort(-counts[step, at]).tolist(), 1)
            ]  # fmt: skip
            connection.execute(insert(observation), rows)
    return engine


@pytest.fixture
def copy(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The same history to change, without fits: only what the heat index needs is learnt."""
    with sqlite3.connect(str(engine.url.database)) as source, sqlite3.connect(tmp_path / "copy.db") as target:
        source.backup(target)
    copied = open_database(f"sqlite:///{tmp_path / 'copy.db'}")
    with copied.begin() as connection:
        connection.execute(delete(trend_model))
    monkeypatch.setattr("toplist.storage.trend_models.walk_forward", lambda *_: [])
    yield copied
    copied.dispose()


@pytest.fixture(scope="module")
def fitted(engine: Engine) -> TrendState:
    state = TrendModels(engine).refit(*OURS, LAST)
    assert state is not None
    return state


def test_the_kind_of_count_is_found_out_and_a_model_is_trusted(fitted: TrendState) -> None:
    coverage = fitted.coverage(Protocol.BASE64, AUTO)
    assert coverage == Coverage(total=True)
    usable = fitted.usable(coverage)
    assert usable.week is not None
    assert usable.week.fitted_on == LAST.toordinal() + 1
    assert usable.month is None  # no 30-day outcome was judged yet
    assert fitted.usable(Coverage(window_days=30)).week is None
    assert fitted.coverage(Protocol.BASE64, "window:30") == Coverage(window_days=30)


def test_a_fit_is_made_once_a_day_and_serves_the_days_after_it(engine: Engine, fitted: TrendState) -> None:
    models = TrendModels(engine)
    assert models.refit(*OURS, LAST) is None
    with engine.connect() as connection:
        assert len(connection.execute(select(trend_model)).all()) == 1
    assert models.state(*OURS, LAST).models == {}
    assert models.state(*OURS, LAST + timedelta(days=1)) == fitted


def heat_of(engine: Engine, day: date) -> Reference | None:
    return TrendModels(engine).state(*OURS, day).heat


def test_28_snapshot_days_make_the_own_heat_reference_and_nothing_changes_it(copy: Engine) -> None:
    models = TrendModels(copy)
    for day in range(26, 30):
        models.refit(*OURS, FIRST + timedelta(days=day))
    assert heat_of(copy, FIRST + timedelta(days=27)) is None  # the fit after 27 snapshot days
    own = heat_of(copy, FIRST + timedelta(days=28))
    assert own is not None
    assert own.version == f"own-{FIRST + timedelta(days=27)}"
    assert "4480 rows of 4 own lists" in own.made_from
    with copy.begin() as connection:
        connection.execute(update(observation).values(sale_count=1))
    models.refit(*OURS, LAST)
    assert heat_of(copy, LAST + timedelta(days=1)) == own
    # A list that is crawled again, or replayed, has the reference of its day.
    assert heat_of(copy, FIRST + timedelta(days=27)) is None
    assert heat_of(copy, FIRST + timedelta(days=28)) == own


def test_counts_that_become_of_another_kind_have_a_reference_of_their_own(copy: Engine) -> None:
    models, changes = TrendModels(copy), FIRST + timedelta(days=30)
    models.refit(*OURS, changes - timedelta(days=1), "total")
    models.refit(*OURS, changes, "window:30")
    assert heat_of(copy, changes) is not None
    assert heat_of(copy, changes + timedelta(days=1)) is None
    models.refit(*OURS, changes + timedelta(days=26), "window:30")
    assert heat_of(copy, changes + timedelta(days=27)) is None
    models.refit(*OURS, changes + timedelta(days=27), "window:30")
    own = heat_of(copy, changes + timedelta(days=28))
    assert own is not None
    assert own.version == f"own-{changes + timedelta(days=27)}"
    models.refit(*OURS, changes + timedelta(days=28), "unknown")
    assert heat_of(copy, changes + timedelta(days=29)) == own


def test_the_installations_own_reference_is_what_a_list_is_measured_against(fitted: TrendState) -> None:
    key = ListKey(*OURS, "hot", "1")
    rules = TrendConfig.of(key, Coverage(total=True), reference=fitted.heat)
    now = datetime(2026, 5, 1, tzinfo=UTC)
    rows = [Observation(str(number), now.date(), now, number, None, 10**number, None) for number in range(1, 9)]
    found = compute_trends(Snapshot(now.date(), "complete", now), rows, ListHistory(), rules)
    assert found.heat_reference == fitted.reference(OURS[1]).version == f"own-{FIRST + timedelta(days=27)}"
    heats = [offer.heat_index for offer in found.offers]
    assert all(heat is not None and 0 <= heat <= 100 for heat in heats)
    young = compute_trends(Snapshot(now.date(), "complete", now), rows, ListHistory(), TrendConfig.of(key, Coverage()))
    assert young.heat_reference == TrendState(fitted.evidence, {}).reference(OURS[1]).version == "v1"
    assert heats != [offer.heat_index for offer in young.offers]


class _Storage(Storage):
    """Runs its work at once, on a database that is there."""

    def __init__(self, engine: Engine):
        self.engine = engine

    async def run(self, work: Callable[[], Any]) -> Any:
        return work()


def crawled(engine: Engine, day: date) -> Entry:
    """The entry of a list of one offer, after the trends' pipeline of a crawl."""
    at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    key = ListKey(*OURS, "hot", "0")
    place = {"snapshot_date": day, "collected_at": at, "source": key.source, "protocol": key.protocol}
    entry = Entry(**place, rank_type="hot", category_id="0", rank=3, offer_id="60000", sale_count=2000)
    ranked = RankList(
        key=key, snapshot_date=day, status=Status.COMPLETE, page_size=20, collected_at=at, entries=[entry]
    )
    asyncio.run(TrendsPipeline(_Storage(engine), day, AUTO).process_item(ranked))
    return entry


def test_a_crawl_uses_the_reference_of_its_day_and_a_replay_gives_the_same_heat(copy: Engine) -> None:
    models, changed = TrendModels(copy), FIRST + timedelta(days=28)
    models.refit(*OURS, changed - timedelta(days=1))
    days = (changed - timedelta(days=1), changed)
    entries = [crawled(copy, day) for day in days]
    shipped, own = load_reference(OURS[1]), heat_of(copy, changed)
    assert own is not None
    for entry, reference, other in zip(entries, (shipped, own), (own, shipped), strict=True):
        expected, instead = (
            heat_index(
                each,
                sale_count=entry.sale_count,
                buyer_count=None,
                growth_per_day=entry.sale_growth_per_day,
                rank=entry.rank,
            ).value
            for each in (reference, other)
        )
        assert entry.heat_index == expected != instead
    models.refit(*OURS, LAST)
    assert [crawled(copy, day).heat_index for day in days] == [entry.heat_index for entry in entries]


def test_a_record_that_is_worse_than_the_base_rate_is_a_warning(fitted: TrendState) -> None:
    total = Coverage(total=True)
    model = fitted.models[7]
    assert fitted.warnings(total) == []
    record = type(model.record)(
        **{**model.record.__dict__, "brier_skill": type(model.record.brier_skill)(-0.1, -0.2, 0)}
    )
    worse = TrendState(fitted.evidence, {7: model.with_record(record)})
    assert worse.usable(total).week is None
    assert "7-day probability was worse than the base rate" in worse.warnings(total)[0]


def test_probabilities_that_did_not_come_true_are_not_given_and_the_model_serves_still(fitted: TrendState) -> None:
    total, model = Coverage(total=True), fitted.models[7]
    assert fitted.notes(total) == []
    assert model.record is not None
    rough = replace(model.record, worst_bin=Bin(700, 0.35, 0.25))
    state = TrendState(fitted.evidence, {7: model.with_record(rough)})
    assert state.usable(total).week is not None
    assert state.warnings(total) == []
    assert state.notes(total) == [
        "the 7-day probability is not given: where it said 0.35, 0.25 came true (700 rows); the model orders and flags"
        " still"
    ]
    assert state.notes(Coverage(window_days=30)) == []


def test_a_model_of_an_older_version_is_not_used(copy: Engine) -> None:
    models = TrendModels(copy)
    models.refit(*OURS, LAST)
    with copy.begin() as connection:
        (stored,) = connection.scalars(select(trend_model.c.models)).all()
        older = [{**each, "version": "1"} for each in stored]
        connection.execute(update(trend_model).values(models=older))
    assert models.state(*OURS, LAST + timedelta(days=1)).models == {}


def test_the_history_is_read_in_chunks_as_it_is_at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    (of,) = histories(engine)
    assert of == (*OURS, LISTS, FIRST, LAST)
    ids = list_ids(engine, *OURS)
    whole = read_panel(engine, ids, FIRST, LAST)
    assert len(whole.panel) == LISTS * OFFERS * DAYS
    monkeypatch.setattr("toplist.storage.panels.CHUNK_ROWS", OFFERS * DAYS)
    chunks = list(read_panels(engine, ids, FIRST, LAST))
    assert [len(each.panel) for each in chunks] == [OFFERS * DAYS] * LISTS
    assert np.concatenate([each.panel.count for each in chunks]).tolist() == whole.panel.count.tolist()
    assert list_ids(engine, *OURS, most=2) == [0, 2]


def test_the_backtest_says_in_five_lines_what_the_picks_came_to_and_names_them(engine: Engine) -> None:
    proofs = prove(engine, days=180, k=10, horizons=(7, 30), count_covers=AUTO)
    text = as_text(proofs)
    first = text.splitlines()[:5]
    assert first[0] == f"1688 base64: 4 lists, 60 days, {FIRST} to {LAST}"
    assert first[1].startswith("Of 10 picks a day, ")
    assert first[4].startswith("Sale counts are running totals: 0.0% of their changes were falls.")
    assert f"Picked on {LAST - timedelta(days=7)}, and what became of them in 7 days:" in text
    assert "商品" in text
    assert "sale count +" in text
    assert max(len(line) for line in text.splitlines()) <= 100
    (data,) = as_data(proofs)
    assert data["count_covers"] == "total"
    assert len(data["picks"][str(LAST)]) == 10  # type: ignore[index]


def test_an_empty_database_has_no_history(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'b.db'}")
    assert prove(engine, days=90, k=20, horizons=(7, 30), count_covers=AUTO) == []
