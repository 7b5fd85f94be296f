"""The plan: which lists a crawl asks for. The whole of it is entered in the ledger before the first is asked.

So whatever ends a crawl, a list that it never reached stands as pending, and the verdict counts it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from toplist.categories.fetcher import CategoryFetcher
from toplist.categories.tree import DEEPEST, TOP, TOP_CATEGORY, Tree, builtin_roots
from toplist.cost import Cost
from toplist.errors import InputError
from toplist.items import ListKey
from toplist.options import ALL
from toplist.ratelimit.limiter import LimiterClosed
from toplist.requests import delta_key
from toplist.storage.categories import Categories
from toplist.storage.ledger import LedgerEntry

if TYPE_CHECKING:
    from toplist.run import Run

logger = logging.getLogger(__name__)

SANDBOX_CATEGORIES = ("10166", "311")  # 女装, 童装
BATCH = 64
_ENTERED_AT_ONCE = 1000  # about 50 ms in the database's thread

ONLY_ROOTS = "Only level 1 was asked: the lists of level 3 are the sharp ones, -a level=3 asks for them."


@dataclass(frozen=True)
class Plan:
    """The categories whose lists are asked for, and what that costs."""

    categories: list[str]
    cost: Cost


async def make_plan(run: Run) -> Plan | None:
    """Settle the categories and enter every list as pending; a dry run enters nothing. None: the crawl is stopped."""
    run.tree = await load_cached_tree(run)
    try:
        categories = await _categories(run)
    except LimiterClosed:
        return None
    except InputError as error:
        run.bad_input = error
        run.stop("bad_input", str(error))
        return None
    if run.is_stopping():
        return None
    if _are_only_roots(run, categories):
        run.tally.notes.append(ONLY_ROOTS)
    begun_at = run.clock.monotonic()
    plan = Plan(categories, await _entered(run, categories))
    run.stats.set_value("toplist/plan/lists", plan.cost.lists.total())
    run.stats.set_value("toplist/plan/seconds", round(run.clock.monotonic() - begun_at, 3))
    run.plan = plan
    logger.info("Plan: %s", plan.cost)
    return plan


async def load_cached_tree(run: Run) -> Tree:
    """The tree of the run's source as it is in the database, and the names that are known without it."""
    return await run.in_thread(partial(Categories(run.engine, run.source).load, builtin_roots()))


async def batches(run: Run, plan: Plan) -> AsyncIterator[list[ListKey]]:
    """Every list of the plan, some dozens at a time; those that need not be asked again are in `run.there`."""
    lists = _lists(run, plan.categories)
    while batch := list(islice(lists, BATCH)):
        # How they stand now: another crawl may have completed some since the plan was made.
        marks = await run.in_thread(partial(run.ledger.entries, batch))
        for key in batch:
            mark = marks.get(key)
            if mark and _is_there(run, mark):
                run.there[delta_key(run, key)] = (key, mark.received)
        yield batch


async def _entered(run: Run, categories: list[str]) -> Cost:
    """Enter the plan in the ledger, count it in the tally, and add up its cost. Flat in memory, whatever its size."""
    asked = run.asked
    pages = partial(run.ledger.pages, run.source, run.config.protocol, asked.page_size, asked.rows)
    cost = Cost(run.config.limits, await run.in_thread(pages))
    lists = _lists(run, categories)
    while chunk := list(islice(lists, _ENTERED_AT_ONCE)):
        if asked.dry_run:
            marks = await run.in_thread(partial(run.ledger.entries, chunk))
        else:
            marks = await run.in_thread(partial(run.ledger.plan, chunk, asked.rows, asked.page_size))
        for key in chunk:
            mark = marks.get(key)
            cost.count(key.rank_type, key.category_id, is_there=mark is not None and _is_there(run, mark))
            run.tally.plan(key)
    return cost


def _is_there(run: Run, mark: LedgerEntry) -> bool:
    """Whether DeltaFetch will hold the list back."""
    is_delta = run.crawler.settings.getbool("DELTAFETCH_ENABLED")
    return is_delta and not run.asked.refresh and mark.satisfies(run.asked.rows)


def _lists(run: Run, categories: list[str]) -> Iterator[ListKey]:
    """One rank type after the other: neighbours are of different categories, so that none waits for its interval."""
    for rank_type in run.asked.rank_types:
        for category_id in categories:
            yield ListKey(run.source, run.config.protocol, rank_type, category_id)


def _are_only_roots(run: Run, categories: list[str]) -> bool:
    known = [run.tree.get(each) for each in categories]
    return any(category and not run.tree.ends(category) for category in known) and all(
        category and category.level == 1 for category in known
    )


async def _categories(run: Run) -> list[str]:
    """The ids to ask for. Requests are sent only for what the kept tree does not know."""
    given = run.asked.categories
    if given == (ALL,):
        return [""]
    if given is None and run.config.sandbox:
        given = SANDBOX_CATEGORIES
    level = run.asked.level
    if given is not None and level is None:
        return list(given)
    return await walked(run, given or (TOP,), level or 1)


async def walked(run: Run, given: tuple[str, ...], level: int) -> list[str]:
    """The categories at `level` at or below the given ones, the tree read as far as that needs.

    What could not be read goes to the tally, by name. Raises InputError for a category that lies below the level,
    LimiterClosed when the crawl is told to stop.
    """
    _refuse_deeper(run, given, level)
    walk = CategoryFetcher(run)
    await walk.down_to(given, level)
    _refuse_deeper(run, given, level)
    missing = [each for each in given if not run.tree.get(each)] + run.tree.unread(given, level)
    why = walk.refused or walk.failed.get(TOP)
    if missing == [TOP] and level == 1:
        logger.warning("The category tree can't be read, so the known root categories are asked for: %s", why)
        return [each.category_id for each in builtin_roots()]
    if walk.refused and missing:
        run.stop("no_tree", f"the category tree was refused and is not kept, leave level out: {why}")
        raise LimiterClosed("the crawl was told to stop")
    run.tally.unread.update({each: walk.failed.get(each, "not read") for each in missing})
    if outdated := walk.outdated(given, level):
        why = walk.refused or "; ".join(walk.failed.values())[:300]
        oldest = f"{min(reading.read_at for reading in outdated):%F %R}"
        logger.warning("The kept category tree is used, the oldest part of it read at %s UTC: %s", oldest, why)
    found = run.tree.at_level(given, level)
    _note_tree(run, given, level, found)
    return found


def _note_tree(run: Run, given: tuple[str, ...], level: int, found: list[str]) -> None:
    early = sum((run.tree.get(each) or TOP_CATEGORY).level < level for each in found)
    retired = run.tree.retired(given, level)
    said = f"Category tree: {len(found) - early} categories on level {level}"
    said += f", {early} that end before it" if early else ""
    said += f"; {retired} retired (停用) left out" if retired else ""
    run.stats.set_value("toplist/tree/categories", len(found))
    run.stats.set_value("toplist/tree/retired", retired)
    run.tally.notes.append(said + ".")


def _refuse_deeper(run: Run, given: tuple[str, ...], level: int) -> None:
    for category_id in given:
        category = run.tree.get(category_id)
        if category and category.level > level:
            raise InputError(
                f"level={level} is not accepted with categories={category_id}: {category.name or 'it'} is on level"
                f" {category.level}, so it takes {' or '.join(map(str, range(category.level, DEEPEST + 1)))}."
            )
