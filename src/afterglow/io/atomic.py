"""Files that are whole or not there: written beside their place, flushed to the disk, then renamed.

A killed process leaves at most a hidden temporary file with its host and process number in the name; the next start
clears those whose process is gone.
"""

import errno
import hashlib
import itertools
import os
import re
import shutil
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from afterglow.records.errors import Unwritable

_ENDING = ".afterglow-tmp"
_OWNER = re.compile(r"\.([0-9a-zA-Z-]+)\.(\d+)\.\d+\.afterglow-tmp$")
_ABANDONED_S = 24 * 3600.0  # a temporary file of another host this old belongs to nobody
_COUNTER = itertools.count()
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Written:
    """A file as it now lies on the disk."""

    path: Path
    sha256: str
    n_bytes: int


def write_bytes(path: Path, data: bytes | Iterable[bytes]) -> Written:
    """Write a file in one step that cannot be seen half done; folders on the way are made.

    `data` may come in parts, so that a large file needs no copy in memory. Unwritable, with the system's reason, where
    the folder cannot be written or the disk is full; an earlier file of that name then stays as it was.
    """
    parts = (data,) if isinstance(data, bytes) else data
    temporary = path.with_name(f".{path.name[:100]}.{_host()}.{os.getpid()}.{next(_COUNTER)}{_ENDING}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as stream:
                written = _fill(stream, parts, path)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None
    return written


def _fill(stream: BinaryIO, parts: Iterable[bytes], path: Path) -> Written:
    digest, n_bytes = hashlib.sha256(), 0
    for part in parts:
        stream.write(part)
        digest.update(part)
        n_bytes += len(part)
    stream.flush()
    os.fsync(stream.fileno())
    return Written(path, digest.hexdigest(), n_bytes)


def _sync_folder(folder: Path) -> None:
    """The rename itself reaches the disk only with its folder; Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> Unwritable:
    if error.errno in _DISK_FULL:
        free_mib = shutil.disk_usage(_existing(path)).free / 2**20
        return Unwritable(
            f"{path}: the disk is full ({free_mib:.1f} MiB free); make room and start again, finished files are kept"
        )
    return Unwritable(f"{path}: it cannot be written ({error.strerror}); choose another output folder or change its permissions")


def _existing(path: Path) -> Path:
    return next(parent for parent in path.absolute().parents if parent.exists())


def require_writable(folder: Path) -> None:
    """Try to write before hours of work are done; Unwritable where it fails."""
    probe = folder / "afterglow-write-test"
    write_bytes(probe, b"")
    probe.unlink(missing_ok=True)


def require_free(folder: Path, n_bytes: int) -> None:
    """Unwritable where the disk has less room than what is to be written; said before the work, not after."""
    free = shutil.disk_usage(_existing(folder / "any")).free
    if free < n_bytes:
        raise Unwritable(
            f"{folder}: about {n_bytes / 2**20:.0f} MiB are to be written and {free / 2**20:.0f} MiB are free; make room or choose another disk"
        )


def clean_temporary(folder: Path) -> tuple[Path, ...]:
    """Remove what killed runs left under `folder`; files that a living process is writing are let be."""
    removed = []
    for path in sorted(folder.rglob(f".*{_ENDING}")):
        if _is_abandoned(path):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise _unwritable(path, error) from None
            removed.append(path)
    return tuple(removed)


def _is_abandoned(path: Path) -> bool:
    owner = _OWNER.search(path.name)
    if owner and owner[1] == _host() and os.name != "nt":
        return not _is_alive(int(owner[2]))
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_S
    except FileNotFoundError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Ended, but never collected by its parent, as in a container without an init process; Linux alone tells."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]


def _host() -> str:
    return re.sub(r"[^0-9a-zA-Z-]", "", socket.gethostname())[:40] or "host"
