"""Files that are there as a whole or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp-"
_OWNER = re.compile(r"\.tmp-.*-(\d+)$")


def atomic_write(path: Path, data: bytes | str) -> None:
    """Replaces `path` by `data` (text as UTF-8): readers see the old content or the new.

    Returns when the content and the name are on disk. Raises OSError and leaves the old content.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = temporary_sibling(path)
    try:
        write_synced(temporary, content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync(path.parent)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which is called `path` once the block ends well: whole, or not at all.

    Makes the folders above it; `path` itself is not there yet, or is empty. Raises OSError.
    """
    temporary = temporary_sibling(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        yield temporary
        sync_tree(temporary)
        if path.is_dir():
            path.rmdir()
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync(path.parent)


def write_synced(path: Path, data: bytes) -> None:
    """Writes `data` and waits until it is on disk. Raises OSError."""
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync(path: Path) -> None:
    """Waits until the content of a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """`sync` of every file and folder below `directory`, and of itself, deepest first."""
    for folder, _, names in os.walk(directory, topdown=False):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))


def temporary_sibling(path: Path) -> Path:
    """A name next to `path` that says which process it belongs to."""
    return path.with_name(f"{TEMPORARY}{path.name}-{os.getpid()}")


def remove_tree(directory: Path) -> None:
    """Removes a folder. It loses its name first, so that no half of it is ever seen under it."""
    # Not the name of `temporary_sibling`: there the successor of the folder may be waiting.
    doomed = directory.with_name(f"{TEMPORARY}old-{directory.name}-{os.getpid()}")
    shutil.rmtree(doomed, ignore_errors=True)
    os.replace(directory, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def remove_contents(directory: Path) -> None:
    """Removes all that is in a folder, but not the folder."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def sweep(directory: Path) -> None:
    """Removes what processes that are no more left unfinished in `directory`."""
    for path in directory.glob(f"{TEMPORARY}*"):
        owner = _OWNER.match(path.name)
        if owner and not is_alive(int(owner[1])):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()


def is_alive(pid: int) -> bool:
    """Whether a process with this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
