"""An hour on the wire, against a gateway that throttles, pauses and drops: `python -m benchmarks.soak [--minutes 60]`.

One crawl with its usual limits, nothing scaled: 300 ms latency, 403s with pauses of 300 s, throttles, resets, error
pages, and answers that never come. In the last minutes, four busy loops compete for the processors. Prints, for the
quiet part and the loaded one, how much of what the budget allowed was used, the tightest spots, and how memory grew.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ratelimit import NINE, ROOT, arrivals, environment, figures, prefer
from toplist.categories.tree import roots_data
from toplist.ratelimit.slots import SlotState, back_off, recover
from toplist.sandbox.process import SandboxProcess

QPS, PAUSE, LOOPS, SAMPLE_EVERY = 2.0, 300.0, 4, 5.0
#: Seconds at the start of the crawl that are not judged.
START = 30.0
FAULTS = ("kind=throttle,share=0.002", "kind=reset,share=0.005", "kind=5xx,share=0.005", "kind=timeout,share=0.001",
          "kind=truncated,share=0.002", "kind=403,nth=700", "kind=403,nth=3300")  # fmt: skip


def start_crawl(sandbox: SandboxProcess, folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    categories = ",".join(str(each["id"]) for each in roots_data()[:40])
    command = [sys.executable, "-m", "scrapy", "crawl", "toplist", "-s", f"LOG_FILE={folder / 'log.txt'}"]
    arguments = {"-s": [f"CLOSESPIDER_TIMEOUT={seconds:.0f}"], "-a": [f"categories={categories}", f"rank_types={NINE}"]}
    command += [part for flag, values in arguments.items() for value in values for part in (flag, value)]
    return subprocess.Popen(command, cwd=ROOT, env=environment(sandbox, folder), stdout=subprocess.DEVNULL)


class Watch(threading.Thread):
    """Samples a process's memory, and keeps the processors busy between two times, in seconds after the start."""

    def __init__(self, crawl: subprocess.Popen[bytes], loaded: tuple[float, float]):
        super().__init__(daemon=True)
        self._crawl, self._loaded = crawl, loaded
        self.began = time.monotonic()
        self.memory: list[tuple[float, float]] = []  # seconds, MB
        self.loads: list[tuple[float, float]] = []

    def run(self) -> None:
        loops: list[subprocess.Popen[bytes]] = []
        while self._crawl.poll() is None:
            past = time.monotonic() - self.began
            if self._loaded[0] <= past < self._loaded[1] and not loops:
                loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOOPS)]
            if past >= self._loaded[1] and loops:
                loops = _ended(loops)
            self.memory.append((past, _resident(self._crawl.pid)))
            self.loads.append((past, os.getloadavg()[0]))
            time.sleep(SAMPLE_EVERY)
        _ended(loops)

    def growth(self, since: float) -> str:
        """Memory when `since` seconds had passed, and the most that came after, until the crawl began to end."""
        kept = [value for at, value in self.memory if since <= at < self._loaded[1]]
        most = max(kept)
        return f"{kept[0]:.0f} MB after {since:.0f} s, at most {most:.0f} MB later ({most / kept[0] - 1:+.1%})"

    def load(self, since: float, until: float) -> float:
        kept = [value for at, value in self.loads if since <= at <= until]
        return sum(kept) / max(len(kept), 1)


def _ended(loops: list[subprocess.Popen[bytes]]) -> list[subprocess.Popen[bytes]]:
    for each in loops:
        each.kill()
        each.wait()
    return []


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def used(requests: Sequence[dict[str, Any]], since: float, until: float) -> float:
    """The share of what the budget allowed: the arrivals' slots over the time outside pauses.

    The slots' length follows from the answers, as the limiter makes it: doubled by a throttle, and a tenth of the way
    back with each answer that was read.
    """
    events = sorted(
        [(each["at"], 1, "") for each in requests]
        + [(each["sent_at"], 0, each["answer"]) for each in requests if each["sent_at"]],
    )
    state, slots, paused = SlotState(), 0.0, 0.0
    for at, is_arrival, answer in events:
        if is_arrival:
            slots += state.factor / QPS if since <= at < until else 0.0
        elif answer in ("fault throttle", "throttled qps", "throttled category"):
            state = back_off(state)
        elif answer == "ok":
            state = recover(state)
        elif answer == "fault 403":
            paused += max(0.0, min(at + PAUSE, until) - max(at, since))
    return slots / (until - since - paused) if until - since > paused else math.nan


def tell(name: str, requests: Sequence[dict[str, Any]], since: float, until: float, load: float) -> None:
    kept = [each for each in requests if since <= each["at"] < until]
    print(f"{name}: {used(requests, since, until):.1%} of what the budget allowed, load {load:.1f}")
    print(f"  {figures(kept)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long (60)")
    parser.add_argument("--loaded", type=float, default=10, help="minutes of it, at its end, with four busy loops (10)")
    options = parser.parse_args()
    length, loaded = options.minutes * 60, options.loaded * 60
    limits = ["--total=400", "--latency=300", f"--qps={QPS}", "--category-interval=1.5", f"--pause={PAUSE}"]
    faults = [part for each in FAULTS for part in ("--fault", each)]
    with tempfile.TemporaryDirectory() as name, SandboxProcess(*limits, "--close-every=250", *faults) as sandbox:
        print(prefer(sandbox), flush=True)
        folder = Path(name)
        crawl = start_crawl(sandbox, folder, length)
        watch = Watch(crawl, (length - loaded, length))
        watch.start()
        try:
            crawl.wait(length + 120)
        finally:
            crawl.send_signal(signal.SIGKILL)
            watch.join()
        state = sandbox.state()
        log = (folder / "log.txt").read_text()
    requests = arrivals(state)
    if not requests:
        raise SystemExit(log[-2000:])
    start, end = requests[0]["at"] + START, watch.began + length
    border = watch.began + length - loaded
    tell("quiet", requests, start, border, watch.load(START, length - loaded))
    if loaded:
        tell("four busy loops", requests, border, end, watch.load(length - loaded, length))
    print(f"violations: {state['violations']} {state['violation_descriptions'][:5]}")
    print(f"answers: {dict(Counter(each['answer'] for each in requests))}")
    print(f"memory: {watch.growth(min(300.0, length / 3))}")
    print(f"tracebacks in the log: {log.count('Traceback')}; exit {crawl.returncode}")


if __name__ == "__main__":
    main()
