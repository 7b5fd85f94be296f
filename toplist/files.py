"""Files that hold data or tokens: replaced in one step, readable by their owner alone.

A process that is killed leaves its temporary file behind. The temporary file is locked while its process lives, so the
next writer in the same directory recognises an abandoned one and removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if os.name == "posix":
    import fcntl

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.toplist-part")


@contextmanager
def replacing(path: Path, *, keep_mode: bool = True) -> Iterator[Path]:
    """A temporary path beside `path`: its file replaces `path` when the block ends, and is removed when it raises.

    Missing directories are made (0700). The mode is 0600, or with `keep_mode` that of the file it replaces. Raises
    OSError.
    """
    replacement = Replacement(path, keep_mode=keep_mode)
    try:
        yield replacement.part
        replacement.commit()
    finally:
        replacement.discard()


class Replacement:
    """A temporary file, `part`, beside `path`: `commit` moves it over `path`, `discard` removes it.

    For several files at once; for one file `replacing` is simpler. Raises OSError; `discard` raises nothing.
    """

    def __init__(self, path: Path, *, keep_mode: bool = True) -> None:
        make_private_directory(path.parent)
        remove_abandoned(path.parent)
        self.path = path
        self._keep_mode = keep_mode
        self.part, self._lock = _create(path)

    def commit(self) -> None:
        """Replace the file, so that the new one is there after a power failure too."""
        with suppress(FileNotFoundError):
            if self._keep_mode:
                self.part.chmod(stat.S_IMODE(self.path.stat().st_mode))
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self.part, self.path)
        if os.name == "posix":
            _sync_directory(self.path.parent)
        self.discard()

    def discard(self) -> None:
        """Remove the temporary file and its lock. Can be called again."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def make_private_directory(folder: Path) -> None:
    """Make the directory and its missing parents with mode 0700; existing ones stay as they are. Raises OSError."""
    if not folder.is_dir():
        make_private_directory(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def check_replaceable(path: Path) -> None:
    """Try what `replacing` will need, and leave nothing behind. Raises OSError with the path that is in the way."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a directory, name a file in it", str(path))
    with suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
    nearest = next(folder for folder in path.parents if folder.exists() or folder == folder.parent)
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is not a directory", str(nearest))
    try:
        with tempfile.TemporaryFile(dir=nearest):  # permissions alone don't tell a read-only or a full disk
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(nearest)) from None


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of processes that were killed. Those of a process that still runs are locked."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                with suppress(OSError):
                    _remove_unlocked(path)


def _create(path: Path) -> tuple[Path, int | None]:
    name = os.fsencode(path.name)[-180:].decode(errors="ignore")  # a file name has at most 255 bytes
    while True:
        part = path.with_name(f".{name}.{secrets.token_hex(4)}.toplist-part")
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        if os.name != "posix":  # an open file can be neither moved nor removed there
            os.close(handle)
            return part, None
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)  # another process removed it before it was locked


def _remove_unlocked(path: Path) -> None:
    if os.name != "posix":
        path.unlink()
        return
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(handle)


def _sync_directory(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
