"""Faults that are about a crawl as a whole: pauses, grants, clocks, certificates, a gateway or a database that goes."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, NamedTuple

from tests.feeds.feed_samples import DAY, an_entry
from tests.feeds.s3_server import KEY_ID, SECRET, OneObject
from tests.harness import Project, asked
from tests.ratelimit.test_endpoints import Authority
from tests.reliability.matrix import Cell, Crawl
from tests.reliability.measured import FAST, Measured, measure, stored
from toplist.api.calls import CATEGORY_GET, GET_TOKEN, PRICE_TREND, QUERY_DETAIL
from toplist.feeds.delivery import Delivered, deliver
from toplist.feeds.formats import Format, read_existing
from toplist.feeds.s3 import S3Options
from toplist.feeds.uris import parse_targets
from toplist.sandbox.process import SandboxProcess

LISTS = ("categories=10166,311,312", "rank_types=hot,complex")
EXTRAS = (*LISTS, "details=1", "daily=1")
TREE = ("categories=10166", "level=2", "rank_types=hot", "pages=1")


class Whole(NamedTuple):
    """A fault, the crawl that meets it, and where that ends. `says` stands in the log."""

    phase: str
    rule: str
    arguments: tuple[str, ...]
    status: int
    says: str = "Verdict: "
    has_token: bool = False


_DETAIL, _DAYS, _TREE, _TOKEN = (f"api={api.name}" for api in (QUERY_DETAIL, PRICE_TREND, CATEGORY_GET, GET_TOKEN))
WHOLE = (
    Whole("first page", "kind=403,times=2", LISTS, 0, "HTTP 403"),
    Whole("first page", "kind=403,rank_type=hot,category=311", LISTS, 3, "403 again after 3 pauses"),
    Whole("first page", "kind=403,share=0.2", LISTS, 0, "HTTP 403"),
    Whole("first page", "kind=throttle,share=0.2", LISTS, 0),
    Whole("first page", "kind=acl,rank_type=hot", LISTS, 3, "No grant for"),
    Whole("first page", "kind=expired,times=1", LISTS, 0, "refused the timestamp"),
    Whole("first page", "kind=expired", LISTS, 3, "Invalid Timestamp"),
    Whole("first page", "kind=token", LISTS, 3, "401", has_token=True),
    Whole("first page", "kind=token,times=1,rank_type=hot", LISTS, 0, "was renewed", has_token=True),
    Whole("detail", f"kind=403,times=2,{_DETAIL}", EXTRAS, 0, "HTTP 403", has_token=True),
    Whole("detail", f"kind=403,{_DETAIL}", EXTRAS, 0, "HTTP 403", has_token=True),
    Whole("detail", f"kind=throttle,times=3,{_DETAIL}", EXTRAS, 0, "Throttled", has_token=True),
    Whole("detail", f"kind=acl,{_DETAIL}", EXTRAS, 0, "No grant for", has_token=True),
    Whole("detail", f"kind=token,{_DETAIL}", EXTRAS, 0, has_token=True),
    Whole("detail", f"kind=5xx,{_DETAIL}", EXTRAS, 0, "20 in a row", has_token=True),
    Whole("daily figures", f"kind=403,{_DAYS}", EXTRAS, 0, "HTTP 403", has_token=True),
    Whole("daily figures", f"kind=acl,{_DAYS}", EXTRAS, 0, "No grant for", has_token=True),
    Whole("daily figures", f"kind=throttle,times=2,{_DAYS}", EXTRAS, 0, "Throttled", has_token=True),
    Whole("tree", f"kind=403,times=2,{_TREE}", TREE, 0, "HTTP 403"),
    Whole("tree", f"kind=throttle,times=2,{_TREE}", TREE, 0, "Throttled"),
    Whole("tree", f"kind=5xx,{_TREE}", TREE, 3, "could not be read"),
)


def whole(folder: Path, rows: tuple[Whole, ...] = WHOLE) -> Iterator[Crawl]:
    """A crawl for each row. Whatever its end, every list is complete, failed by name, or still planned."""
    for number, row in enumerate(rows):
        with SandboxProcess("--total=20") as sandbox:
            tokens = {"TOPLIST_ACCESS_TOKEN": sandbox.access_token, "TOPLIST_REFRESH_TOKEN": sandbox.refresh_token}
            sandbox.faults([row.rule])
            done = measure(Project(folder / str(number)), sandbox, *row.arguments, **tokens if row.has_token else {})
        said = row.says if row.says in done.log + done.out else done.verdict[-100:]
        expected, came = f"exit {row.status}: {row.says}", f"exit {done.status}: {said}"
        yield Crawl([Cell(f"{row.phase}, whole crawl", row.rule, "", expected, came)], done.memory, done.seconds)


def certificates(folder: Path) -> Iterator[Crawl]:
    """Certificates that are not the gateway's: refused by name, and nothing is sent."""
    authority = Authority(folder)
    for kind, says in (("self-signed", "self-signed"), ("expired", "expired"), ("wrong name", "another host name")):
        with _tls_server(authority.context(kind)) as (port, requests):
            project = Project(folder / kind)
            address = {"TOPLIST_GATEWAY_URL": f"https://localhost:{port}/openapi", "SSL_CERT_FILE": str(authority.file)}
            keys = {"TOPLIST_APP_KEY": "4242", "TOPLIST_APP_SECRET": "secret"}
            with SandboxProcess() as unused:
                done = measure(project, unused, "categories=311", "rank_types=hot", **address, **keys)
        said = says if says in done.log else done.verdict[-160:]
        came = f"exit {done.status}: {said}, {len(requests)} requests"
        cell = Cell("certificate", kind, "always", f"exit 3: {says}, 0 requests", came)
        yield Crawl([cell], done.memory, done.seconds)


@contextmanager
def _tls_server(context: ssl.SSLContext) -> Iterator[tuple[int, list[str]]]:
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(self.path)
            self.send_error(500)

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None: ...

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_port, requests
        server.shutdown()


def restart(folder: Path) -> Iterator[Crawl]:
    """The gateway ends in the middle and is there again: the lists are whole or named, and the next crawl has all."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    keys = {"SANDBOX_APP_SECRET": "secret-of-a-test"}
    project = Project(folder / "project")
    plan = ("categories=10166,311,312,54,67,7", "rank_types=hot,complex,rise,new")
    with SandboxProcess(f"--port={port}", "--total=45", "--latency=50", environment=keys) as first:
        process = project.start(first, *plan, **FAST)
        while len(asked(first)) < 20:
            assert process.poll() is None
    with SandboxProcess(f"--port={port}", "--total=45", environment=keys) as second:
        _, log = process.communicate(timeout=120)
        outcomes = {each.outcome.partition(" ")[0] for each in stored(project).values()}
        named = "whole or named" if outcomes <= {"complete", "failed", "pending"} else str(outcomes)
        said = f"{named}, {log.count('Traceback')} tracebacks"
        cells = [Cell("gateway", "restarts", "in the middle", "whole or named, 0 tracebacks", said)]
        done = measure(project, second, *plan)
    cells.append(_complete("gateway", "restarts", "the next crawl", project, done, 45))
    yield Crawl(cells, done.memory, done.seconds)


def _complete(phase: str, fault: str, dose: str, project: Project, done: Measured, rows: int) -> Cell:
    """Exit status 0, every list complete with every row once."""
    lists = stored(project).values()
    right = sum(each.outcome == "complete" and len(set(each.offers)) == rows for each in lists)
    expected = f"exit 0, {len(lists)} complete with {rows} rows"
    return Cell(phase, fault, dose, expected, f"exit {done.status}, {right} complete with {rows} rows")


def database(folder: Path) -> Iterator[Crawl]:
    """Another process holds the database locked for some seconds, from a moment of the crawl on."""
    for held_from in (0, 1, 10):
        project = Project(folder / str(held_from))
        with SandboxProcess("--total=20", "--latency=20") as sandbox:
            assert measure(project, sandbox, *LISTS, "dry_run=1").status == 0  # makes the database
            lock = threading.Thread(target=_lock, args=(project, sandbox, held_from, 3.0))
            lock.start()
            done = measure(project, sandbox, *LISTS)
            lock.join()
        dose = f"3 s from request {held_from} on"
        yield Crawl([_complete("database write", "locked", dose, project, done, 20)], done.memory, done.seconds)


def _lock(project: Project, sandbox: SandboxProcess, after: int, seconds: float) -> None:
    """Hold the only write lock of SQLite."""
    while after and len(asked(sandbox)) < min(after, 5):
        pass
    with project.database() as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 5000")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return
        threading.Event().wait(seconds)
        connection.execute("ROLLBACK")


class FaultyS3(OneObject):
    """S3 with a fault: the first `times` requests meet it, the others are served."""

    kind: ClassVar[str]
    times: ClassVar[int]

    def _is_faulty(self) -> bool:
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        if self.times <= 0:
            return False
        type(self).times -= 1
        match self.kind:
            case "reset":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            case "html":
                self.answer(502, b"<html>Bad Gateway</html>")
            case "slow down":
                self.answer(503, b"<Error><Code>SlowDown</Code></Error>")
            case "internal":
                self.answer(500, b"<Error><Code>InternalError</Code></Error>")
            case "denied":
                self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            case "signature":
                self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        return True

    def do_GET(self) -> None:
        if self._is_faulty():
            return
        found = self.held is not None
        self.answer(200 if found else 404, self.held or b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        if not self._is_faulty():
            self.answer(200 if self.held is not None else 404, self.held or b"")

    def do_PUT(self) -> None:
        if not self._is_faulty():
            type(self).held = self.body
            self.answer(200, b"")


S3_FAULTS = {  # kind: whether two in a row are outlasted
    "reset": True,
    "html": True,
    "slow down": True,
    "internal": True,
    "denied": False,
    "signature": False,
}


def upload(folder: Path) -> Iterator[Crawl]:
    """Faults of S3: the feed arrives whole, or it is kept whole and named."""
    for kind, is_outlasted in S3_FAULTS.items():
        for dose, times in (("twice", 2), ("always", 10**9)):
            FaultyS3.kind, FaultyS3.times, FaultyS3.held = kind, times, None
            came = _upload(folder / f"{kind} {dose}", DAY)
            arrives = dose == "twice" and is_outlasted
            expected = "delivered, 50 rows" if arrives else "kept, 50 rows"
            yield Crawl([Cell("feed upload", kind, dose, expected, came)], 0.0, 0.0)


def _upload(spool: Path, day: date) -> str:
    rows = [an_entry(rank) for rank in range(1, 51)]
    with ThreadingHTTPServer(("127.0.0.1", 0), FaultyS3) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        options = S3Options(f"http://127.0.0.1:{server.server_port}", KEY_ID, SECRET, region_name="us-east-1")
        targets = parse_targets("s3://feeds/a.jsonl", day)
        (outcome,) = deliver(targets, lambda: rows, snapshot_date=day, spool=spool, s3=options, allow_fewer=False)
        server.shutdown()
    if isinstance(outcome, Delivered):
        return f"delivered, {(FaultyS3.held or b'').count(bytes([10]))} rows"
    kept = read_existing(outcome.kept, Format.JSONL) if outcome.kept else None
    return f"kept, {kept.rows if kept else 0} rows"
