"""What counts against a crawl, and what does not."""

import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.harness import Project
from toplist.items import ListKey, RankList, Source, Status
from toplist.ranktypes import Protocol
from toplist.sandbox.process import SandboxProcess
from toplist.summary import NO_GRANT, CrawlSummary, table

Gateway = Callable[..., SandboxProcess]
ONE = ("categories=311", "rank_types=hot")


def ended(rank_type: str, status: Status, code: str | None = None) -> RankList:
    key = ListKey(Source.GATEWAY, Protocol.BASE64, rank_type, "311")
    return RankList(key=key, snapshot_date=datetime.now(UTC).date(), status=status, code=code, page_size=20)


def tally(*lists: RankList) -> CrawlSummary:
    made = CrawlSummary()
    for each in lists:
        made.plan(each.key)
        made.end(each)
        made.rows["hot"] = 1
    return made


def test_short_empty_and_absent_lists_are_no_problems() -> None:
    fine = tally(*(ended("hot", status) for status in (Status.COMPLETE, Status.PARTIAL, Status.EMPTY, Status.ABSENT)))
    assert fine.problems(()) == []


def test_a_missing_grant_counts_only_for_rank_types_that_were_named() -> None:
    made = tally(ended("hot", Status.COMPLETE), ended("VNHot", Status.FAILED, NO_GRANT))
    assert made.problems(()) == []
    assert made.problems(("hot", "VNHot")) == ["1 of 2 lists have no grant"]


def test_a_list_that_did_not_end_is_a_problem() -> None:
    made = tally(ended("hot", Status.COMPLETE))
    made.plan(ListKey(Source.GATEWAY, Protocol.BASE64, "rise", "311"))
    assert made.pending == 1
    assert "1 lists were not asked for or not stored" in made.problems(())
    assert table(made).splitlines()[2].split()[-2:] == ["1", "0"]


def test_the_setting_of_scrapys_that_ended_the_crawl_is_named(project: Project, gateway: Gateway) -> None:
    done = project.crawl(
        gateway("--total=5", "--latency=200"),
        "categories=311,312,54,67",
        "--set=CLOSESPIDER_ITEMCOUNT=1",
        "--set=CONCURRENT_REQUESTS=1",
    )
    assert done.status == 3, done.log
    assert "incomplete: CLOSESPIDER_ITEMCOUNT ended the crawl; " in done.verdict


def test_the_table_is_in_the_readers_language_and_the_log_in_english(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    done = project.crawl(sandbox, *ONE, LC_ALL="", LANG="zh_CN.UTF-8")
    assert done.out.split()[:2] == ["榜单类型", "计划"]
    assert done.verdict.endswith("[toplist] INFO: Verdict: complete")
    english = project.crawl(sandbox, *ONE, LC_ALL="", LANG="zh_CN.UTF-8", TOPLIST_LANGUAGE="en")
    assert english.out.startswith("rank type")


def test_a_failed_feed_of_scrapys_own_counts(project: Project, gateway: Gateway) -> None:
    (project.folder / "taken").mkdir()
    done = project.crawl(gateway("--total=5"), *ONE, "--overwrite-output=taken:jsonl")
    assert done.status == 3, done.log
    assert "the feeds of FEEDS" in done.verdict


def test_a_failed_callback_and_a_failed_pipeline_count(project: Project, gateway: Gateway) -> None:
    (project.folder / "mine.py").write_text(
        "from toplist.spiders.toplist import TopListSpider\n"
        "class Broken:\n"
        "    def process_item(self, item):\n"
        "        raise RuntimeError('no')\n"
        "def parse_page(self, response, **kwargs):\n"
        "    raise RuntimeError('no')\n"
        "class Middleware:\n"
        "    def __init__(self):\n"
        "        TopListSpider.parse_page = parse_page\n"
    )
    sandbox = gateway("--total=5")
    pipeline = '--set=ITEM_PIPELINES={"mine.Broken": 1}'
    done = project.crawl(sandbox, *ONE, pipeline, PYTHONPATH=f"{project.folder}:{Path.cwd()}")
    assert done.status == 3
    assert "not stored" in done.verdict
    middleware = '--set=EXTENSIONS={"mine.Middleware": 1, "toplist.extensions.SnapshotExtension": 0}'
    done = project.crawl(sandbox, *ONE, middleware, PYTHONPATH=f"{project.folder}:{Path.cwd()}")
    assert done.status == 3
    assert "errors in the spider" in done.verdict


def test_a_feed_that_can_not_be_written_counts_and_the_rows_are_kept(project: Project, gateway: Gateway) -> None:
    done = project.crawl(gateway("--total=5"), *ONE, TOPLIST_FEED_URI="s3://bucket/feed.jsonl", **DEAD_S3)
    assert done.status == 3
    assert "feed not delivered" in done.verdict
    assert project.ledger()["hot", "311"] == ("complete", None, 5)


DEAD_S3 = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_MAX_ATTEMPTS": "1",
}


def test_a_certificate_that_nobody_vouches_for_is_refused(project: Project, tmp_path: Path, gateway: Gateway) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_error(500)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"https://localhost:{server.server_port}/openapi"
        done = project.crawl(gateway(), *ONE, TOPLIST_GATEWAY_URL=url)
    finally:
        server.shutdown()
    assert done.status == 3
    assert asked == []


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
