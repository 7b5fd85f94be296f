import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from toplist.files import Replacement, replacing

KILLED = """
import sys
from pathlib import Path
from toplist.files import replacing

with replacing(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("written", flush=True)
    sys.stdin.read()
"""


def test_the_file_is_replaced_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert part.parent == tmp_path
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_old_file_stays_when_the_block_raises(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path) as part:
        part.write_text((tmp_path / "none").read_text())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_new_files_and_directories_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "exports" / "day" / "a.json"
    with replacing(path) as part:
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
        part.write_text("new")
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_a_mode_that_was_chosen_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as part:
        part.write_text("new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with replacing(path, keep_mode=False) as part:
        part.write_text("secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_long_chinese_name_fits(tmp_path: Path) -> None:
    path = tmp_path / ("榜" * 83 + ".jsonl")
    with replacing(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"


def test_the_next_writer_removes_what_a_killed_process_left_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".of-another-program.part").write_text("")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "yesterday.jsonl")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        running = Replacement(tmp_path / "also-running.jsonl")
        assert len(os.listdir(tmp_path)) == 3, "a file that is still written to stays"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(os.listdir(tmp_path)) == 3
        with replacing(tmp_path / "today.jsonl") as part:
            part.write_text("new")
    assert running.part.exists()
    assert set(os.listdir(tmp_path)) == {".of-another-program.part", "today.jsonl", running.part.name}
    running.discard()
    assert not running.part.exists()
