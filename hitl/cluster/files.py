"""Folders on their way from machine to machine, a piece at a time, so that no more than a piece of
a checkpoint has to fit into the memory of either."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from hitl.manifest import FILE_NAME

PIECE = 16 << 20
"""Bytes."""

_NOT_LOADED = frozenset({".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf"})
"""Weights in forms that are never read here, pickles among them."""


def checkpoint_files(folder: Path) -> dict[str, int]:
    """Bytes of every file below `folder` but its manifest, by relative POSIX path."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != FILE_NAME
    }


def model_files(folder: Path) -> dict[str, int]:
    """Bytes of the files that a model is loaded from, by name."""
    return {
        path.name: path.stat().st_size
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix not in _NOT_LOADED
    }


def read_piece(folder: Path, name: str, offset: int) -> bytes:
    """At most PIECE bytes of a file from `offset`. Raises OSError."""
    with inside(folder, name).open("rb") as stream:
        stream.seek(offset)
        return stream.read(PIECE)


def write_piece(folder: Path, name: str, offset: int, data: bytes) -> None:
    """Puts `data` at `offset`, which is where the file ends so far; at 0 it is made anew. Raises
    OSError."""
    path = inside(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb" if offset == 0 else "ab") as stream:
        if stream.tell() != offset:
            raise OSError(f"{name} has {stream.tell()} bytes, and a piece for {offset} came")
        stream.write(data)


def sync_file(folder: Path, name: str) -> None:
    """Waits until a file is on disk. Raises OSError."""
    with inside(folder, name).open("rb") as stream:
        os.fsync(stream.fileno())


def inside(folder: Path, name: str) -> Path:
    """The file `name` of `folder`. Raises ValueError for one that lies elsewhere: the name came
    from another machine."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise ValueError(f"{name!r} is no file of {folder.name}")
    return folder / relative
