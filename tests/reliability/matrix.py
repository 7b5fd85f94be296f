"""Crawls that try every fault of `fault_table` in each phase.

A cell is one fault, in one phase, in one dose: `twice` (the first two requests), `always`, or a share of all requests.
One crawl carries many cells: every fault is addressed to a list, a category or an offer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tests.harness import Project
from tests.reliability.fault_table import FAULTS, THROTTLE, UNSEEN, Ending, Fault
from tests.reliability.measured import ListName, Measured, StoredList, a_day_after, lost_and_doubled, measure, stored
from toplist.api.calls import CATEGORY_GET, GET_TOKEN, PRICE_TREND, QUERY_DETAIL
from toplist.categories.tree import roots_data
from toplist.ranktypes import Protocol
from toplist.sandbox.process import SandboxProcess

MAX_MEMORY = 250  # MB of a crawl
RANK_TYPES = ("complex", "hot", "goodPrice")


class Cell(NamedTuple):
    """What was to come, and what came, in words that a reader can compare. `is_unseen`: see `UNSEEN`."""

    phase: str
    fault: str
    dose: str
    expected: str
    came: str
    is_unseen: bool = False

    @property
    def is_right(self) -> bool:
        return self.expected == self.came


class Crawl(NamedTuple):
    """The cells of a crawl and its cost: MB, seconds of processor time."""

    cells: list[Cell]
    memory: float
    seconds: float


@contextmanager
def _gateway(protocol: Protocol, total: int) -> Iterator[tuple[SandboxProcess, dict[str, str]]]:
    with SandboxProcess(f"--total={total}") as sandbox:
        has_token = protocol is Protocol.OPENPLATFORM
        yield sandbox, {"TOPLIST_ACCESS_TOKEN": sandbox.access_token} if has_token else {}


def _plan(lists: int) -> tuple[list[ListName], tuple[str, str]]:
    """At least so many lists, and the arguments of a crawl of them. Faults in a row are of different categories."""
    categories = [str(each["id"]) for each in roots_data()][: -(-lists // len(RANK_TYPES))]
    names = list(product(RANK_TYPES, categories))
    return names, (f"categories={','.join(categories)}", f"rank_types={','.join(RANK_TYPES)}")


def _told(held: StoredList, plain: StoredList, asked: int | str) -> str:
    lost, doubled = lost_and_doubled(held, plain)
    return f"{held.outcome}, asked {asked}, {lost} lost, {doubled} doubled"


def pages(folder: Path, protocol: Protocol, faults: tuple[Fault, ...] = FAULTS) -> Crawl:
    """Every fault at the first and at a later page, twice and always. `openplatform` has no later page."""
    phases = ("first page",) if protocol is Protocol.OPENPLATFORM else ("first page", "later page")
    wanted = [*product(faults, phases, ("twice", "always")), *product((THROTTLE,), phases, ("twice",))]
    names, plan = _plan(len(wanted) + 5)
    rules = [_page_rule(fault, *name, phases.index(phase) + 1, dose) for (fault, phase, dose), name in
             zip(wanted, names, strict=False)]  # fmt: skip
    with _gateway(protocol, 45 if len(phases) == 2 else 20) as (sandbox, token):
        undisturbed = Project(folder / "undisturbed")
        assert measure(undisturbed, sandbox, *plan, **token).status == 0
        sandbox.faults(rules)
        project = a_day_after(undisturbed, folder / "disturbed")
        done = measure(project, sandbox, *plan, **token)
    plain, held = stored(undisturbed), stored(project)
    cells = []
    for (fault, phase, dose), name in zip(wanted, names, strict=False):
        page = phases.index(phase) + 1
        asked = done.asked(rank_type=name[0], category_id=name[1], page=page)
        came = _told(held[name], plain[name], asked)
        expected = _page_outcome(fault, page, dose, protocol)
        cells.append(Cell(f"{phase}, {protocol}", fault.name, dose, expected, came))
    rest = {name for name in names[len(wanted) :] if held[name] != plain[name]}
    return Crawl([*cells, *_of_all(f"pages, {protocol}", done, 3), _untouched(str(protocol), len(rest))],
                 done.memory, done.seconds)  # fmt: skip


def _page_rule(fault: Fault, rank_type: str, category: str, page: int, dose: str) -> str:
    return f"{fault.rule},rank_type={rank_type},category={category},page={page}" + ",times=2" * (dose == "twice")


def _page_outcome(fault: Fault, page: int, dose: str, protocol: Protocol) -> str:
    ending = fault.base64 if protocol is Protocol.BASE64 else fault.openplatform
    if ending is None:
        outcome = (fault.first, fault.later)[page - 1]
        is_over = dose == "twice" and fault.is_got_over
        ending = Ending("complete" if is_over else outcome, fault.asked[page - 1])
    return f"{ending.outcome}, asked {ending.asked}, 0 lost, 0 doubled"


def _untouched(what: str, wrong: int) -> Cell:
    return Cell(f"lists without a fault, {what}", "any", "any", "0 differ", f"{wrong} differ")


def _of_all(phase: str, done: Measured, status: int) -> list[Cell]:
    """What holds of the crawl as a whole."""
    memory = f"below {MAX_MEMORY} MB" if done.memory < MAX_MEMORY else f"{done.memory:.0f} MB"
    tracebacks = done.log.count("Traceback")
    return [
        Cell(phase, "any", "exit status", str(status), str(done.status)),
        Cell(phase, "any", "memory", f"below {MAX_MEMORY} MB", memory),
        Cell(phase, "any", "tracebacks", "0", str(tracebacks)),
    ]


def shares(folder: Path, protocol: Protocol, share: float, faults: tuple[Fault, ...] = FAULTS) -> Crawl:
    """A share of the requests goes wrong: at 20 % each fault has a category of its own, at 1 % all happen to all.

    What a list met is in the gateway's log. One that met nothing is complete; one that is not complete has met a fault
    and says so; one that is complete has every row. A list that met what nothing shows counts for that alone.
    """
    faults = (*faults, THROTTLE)
    names, plan = _plan(len(RANK_TYPES) * len(faults))
    categories = list(dict.fromkeys(category for _, category in names))
    own = dict(zip([fault.name for fault in faults], categories, strict=False)) if share >= 0.1 else {}
    rules = [f"{each.rule},share={share}" + f",category={own.get(each.name)}" * bool(own) for each in faults]
    with _gateway(protocol, 45 if protocol is Protocol.BASE64 else 20) as (sandbox, token):
        undisturbed = Project(folder / "undisturbed")
        assert measure(undisturbed, sandbox, *plan, **token).status == 0
        sandbox.faults(rules)
        project = a_day_after(undisturbed, folder / "disturbed")
        done = measure(project, sandbox, *plan, **token)
    plain, held, met = stored(undisturbed), stored(project), done.faults_of()
    unseen = {kind for kind, of in UNSEEN if of is protocol}
    cells = []
    for fault in faults:
        kind = fault.rule.partition(",")[0].removeprefix("kind=")
        mine = [name for name in held if (name[1] == own[fault.name] if own else kind in met[name])]
        mine = [name for name in mine if kind in unseen or not unseen & set(met[name])]
        wrong = [name for name in mine if not _is_named(held[name], plain[name], met[name])]
        came = f"{len(wrong)} of {len(mine)} lists" if wrong else "every list whole or named"
        is_unseen = (fault.name, protocol) in UNSEEN
        if any(kind in met[name] for name in mine):
            phase, expected = f"any page, {protocol}", "every list whole or named"
            cells.append(Cell(phase, fault.name, f"{share:.0%}", expected, came, is_unseen))
    failed = any(each.outcome.startswith("failed") for each in held.values())
    return Crawl([*cells, *_of_all(f"{share:.0%}, {protocol}", done, 3 if failed else 0)], done.memory, done.seconds)


def _is_named(held: StoredList, plain: StoredList, met: list[str]) -> bool:
    if lost_and_doubled(held, plain) != (0, 0):
        return False
    return held.outcome == "complete" or bool(met)


def offers(folder: Path, faults: tuple[Fault, ...] = FAULTS) -> Crawl:
    """Faults at the details of an offer, and at the daily figures of another. The lists stand, the exit status is 0."""
    wanted = list(product([each for each in faults if not each.is_about_rows], ("twice", "always")))
    plan = ("categories=10166,311,312,54,67,2,7,57,53", "rank_types=hot,complex", "details=1")
    with _gateway(Protocol.OPENPLATFORM, 20) as (sandbox, token):
        undisturbed = Project(folder / "undisturbed")
        assert measure(undisturbed, sandbox, *plan[:2], **token).status == 0
        some = sorted({row[0] for row in undisturbed.query("SELECT offer_id FROM entries")})
        with_detail, with_days = some[: len(wanted)], some[-len(wanted) :]
        rules = [f"{fault.rule},api={api.name},offer={offer}" + ",times=2" * (dose == "twice")
                 for api, ids in ((QUERY_DETAIL, with_detail), (PRICE_TREND, with_days))
                 for (fault, dose), offer in zip(wanted, ids, strict=True)]  # fmt: skip
        sandbox.faults(rules)
        project = Project(folder / "disturbed")
        done = measure(project, sandbox, *plan, f"daily={','.join(with_days)}", **token)
    plain, held = stored(undisturbed), stored(project)
    details = dict(project.query("SELECT offer_id, status || ' ' || coalesce(code, '') FROM detail"))
    days = dict(project.query("SELECT offer_id, count(median_price) FROM offer_daily GROUP BY offer_id"))
    cells = []
    for (fault, dose), detail, daily in zip(wanted, with_detail, with_days, strict=True):
        expected = _single_outcome(fault, dose)
        came = f"{details[detail].strip()}, asked {done.asked(api=QUERY_DETAIL.name, offer_id=detail)}"
        cells.append(Cell("detail", fault.name, dose, expected, came))
        asked = done.asked(api=PRICE_TREND.name, offer_id=daily)
        state = "stored" if days.get(daily) else "none"
        cells.append(Cell("daily figures", fault.name, dose, _daily_outcome(fault, dose), f"{state}, asked {asked}"))
    wrong = sum(held[name].offers != plain[name].offers for name in plain)
    return Crawl([*cells, *_of_all("offers", done, 0), _untouched("offers", wrong)], done.memory, done.seconds)


def _single_outcome(fault: Fault, dose: str) -> str:
    outcome = "complete" if dose == "twice" and fault.is_got_over else fault.first
    return f"{outcome}, asked {fault.asked[0]}"


def _daily_outcome(fault: Fault, dose: str) -> str:
    """Three months are asked for; those that came are stored."""
    state = "none" if dose == "always" and not fault.first.startswith("complete") else "stored"
    again = fault.asked[0] - 1
    return f"{state}, asked {3 + (3 if dose == 'always' else 1) * again}"


def tree(folder: Path, faults: tuple[Fault, ...] = FAULTS) -> Crawl:
    """Faults at the children of a category: its lists are planned, or it is named."""
    roots = [str(each["id"]) for each in roots_data()]
    wanted = list(product([each for each in faults if not each.is_about_rows], ("twice", "always")))
    chosen = [root for root in roots if root not in ("2829", "2805")][: len(wanted)]
    plan = (f"categories={','.join(chosen)}", "level=2", "rank_types=hot", "pages=1")
    with _gateway(Protocol.BASE64, 1) as (sandbox, _):
        sandbox.faults([f"{fault.rule},api={CATEGORY_GET.name},category={root}" + ",times=2" * (dose == "twice")
                        for (fault, dose), root in zip(wanted, chosen, strict=True)])  # fmt: skip
        project = Project(folder / "disturbed")
        done = measure(project, sandbox, *plan)
    read = {row[0] for row in project.query("SELECT category_id FROM category WHERE read_ms IS NOT NULL")}
    cells = []
    for (fault, dose), root in zip(wanted, chosen, strict=True):
        expected = _single_outcome(fault, dose)
        expected = expected if "complete" in expected else f"named,{expected.partition(',')[2]}"
        state = "complete" if root in read else "named" if f"category {root} could not" in done.log.lower() else "gone"
        came = f"{state}, asked {done.asked(api=CATEGORY_GET.name, category_id=root)}"
        cells.append(Cell("tree", fault.name, dose, expected, came))
    return Crawl([*cells, *_of_all("tree", done, 3)], done.memory, done.seconds)


def token(folder: Path, faults: tuple[Fault, ...] = FAULTS) -> Iterator[Crawl]:
    """Faults at the refresh of the access token, a crawl for each: the token is renewed, or the crawl says why not."""
    for fault, dose in product([each for each in faults if not each.is_about_rows], ("twice", "always")):
        with _gateway(Protocol.OPENPLATFORM, 5) as (sandbox, tokens):
            sandbox.expire_token()
            sandbox.faults([f"{fault.rule},api={GET_TOKEN.name}" + ",times=2" * (dose == "twice")])
            project = Project(folder / f"{fault.name.replace('/', '_')} {dose}")
            renewing = {**tokens, "TOPLIST_REFRESH_TOKEN": sandbox.refresh_token}
            done = measure(project, sandbox, "categories=311", "rank_types=hot", **renewing)
        complete = sum(each.outcome == "complete" for each in stored(project).values())
        asked = done.asked(api=GET_TOKEN.name)
        expected = _single_outcome(fault, dose)
        status, lists = (0, 1) if "complete" in expected else (3, 0)
        came = f"exit {done.status}, {complete} complete, asked {asked}"
        cell = Cell("token", fault.name, dose, f"exit {status}, {lists} complete,{expected.partition(',')[2]}", came)
        yield Crawl([cell, *_of_all("token", done, status)[1:2]], done.memory, done.seconds)
