"""Size and SHA-256 of every file of a folder: safetensors loads a flipped bit without a word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hitl.wording import Sentence

FILE_NAME = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: bytes, and hex SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a folder by relative POSIX path."""

    files: dict[str, FileEntry]
    after: str = ""
    """The digest that the journal has of the update a checkpoint is of: another branch of the run
    has another update of that number. "" where it is not told, as before this was written down."""

    @classmethod
    def of(cls, directory: Path) -> Manifest:
        """Reads every file below `directory` but a manifest of its own."""
        paths = sorted(p for p in directory.rglob("*") if p.is_file() and p.name != FILE_NAME)
        return cls({p.relative_to(directory).as_posix(): _entry(p) for p in paths})

    @classmethod
    def of_files(cls, directory: Path, names: Iterable[str]) -> Manifest:
        """Reads these files of `directory`."""
        return cls({name: _entry(directory / name) for name in names})

    def problem(self, directory: Path, *, quick: bool = False) -> str | None:
        """Why `directory` is not what was written, or None: missing, truncated, changed files.
        `quick` compares the sizes only."""
        for name, entry in self.files.items():
            path = directory / name
            if not path.is_file():
                return Sentence("{path} is missing", path=name)
            size = path.stat().st_size
            if size != entry.size:
                return Sentence(
                    "{path} has {size} bytes instead of {right}",
                    path=name,
                    size=size,
                    right=entry.size,
                )
            if not quick and _entry(path) != entry:
                return Sentence(
                    "{path} was changed after it was written (SHA-256 differs)", path=name
                )
        return None

    def to_json(self) -> str:
        """The text of manifest.json."""
        files = {n: {"size": e.size, "sha256": e.sha256} for n, e in sorted(self.files.items())}
        after = {"after": self.after} if self.after else {}
        return json.dumps({"files": files, **after}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises ValueError when `text` is no manifest."""
        try:
            data = json.loads(text)
            files = {
                n: FileEntry(int(e["size"]), str(e["sha256"])) for n, e in data["files"].items()
            }
            return cls(files, str(data.get("after", "")))
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not a manifest: {error}") from error


def _entry(path: Path) -> FileEntry:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileEntry(size, digest.hexdigest())
