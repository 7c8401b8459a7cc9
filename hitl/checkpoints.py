"""Checkpoints of a run: `steps/000012` is there as it was written, or is not used.

A checkpoint is written into a temporary folder, compared with the engine's manifest, synced, given
its manifest.json last, and only then its name. So a folder with a name and without a good manifest
was damaged later, and is skipped for the one before it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from hitl.atomic import (
    TEMPORARY,
    remove_tree,
    sweep,
    sync,
    sync_tree,
    write_synced,
)
from hitl.errors import HitlError
from hitl.faultpoints import reach
from hitl.manifest import FILE_NAME, Manifest
from hitl.wording import Sentence

_VERSION = re.compile(r"\d{6,}")
_Print = tuple[tuple[str, int, int, int], ...]
"""(path, inode, bytes, change time in ns) of each file: equal means nobody wrote to it."""


NOT_TOLD: Mapping[int, str] = MappingProxyType({})


class CheckpointError(HitlError):
    """A checkpoint could not be written; those before it are as they were."""


class Checkpoints:
    """The folder `steps` of a run, opened by the process that holds the run's lock."""

    def __init__(self, directory: Path, keep: int = 2) -> None:
        """Keeps the newest `keep` intact checkpoints (at least 2)."""
        self._directory = directory
        self._keep = max(2, keep)
        self._lock = threading.Lock()
        self._verified: dict[int, _Print] = {}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            sweep(directory)
        except OSError as error:
            raise CheckpointError(
                f"{directory} cannot hold checkpoints ({_reason(error)}): it must be a folder that "
                "can be written to; one that is lost is made again from the journal"
            ) from error

    def path(self, version: int) -> Path:
        """Where the checkpoint after update `version` is, or would be."""
        return self._directory / f"{version:06d}"

    def versions(self) -> list[int]:
        """All that have a name, intact or not, oldest first."""
        return checkpoint_versions(self._directory)

    def commit(
        self,
        version: int,
        save: Callable[[Path], Manifest],
        after: str = "",
        *,
        anew: bool = False,
    ) -> Path:
        """Makes checkpoint `version` of what `save` writes into the folder it is given; returns
        its place, where it is on disk. `after` is the digest that the journal has of the update.
        One that is there, intact and not of another update is left alone, unless it is to be made
        `anew`.

        Raises CheckpointError when it could not be written; nothing else has changed then.
        """
        with self._lock:
            final = self.path(version)
            there = not anew and final.is_dir() and self._problem(version) is None
            if there and _foreign(final, after) is None:
                return final
            temporary = self._directory / f"{TEMPORARY}{version:06d}-{os.getpid()}"
            try:
                self._write(temporary, save, after)
                if final.exists():  # a broken one, or of another branch
                    remove_tree(final)
                reach("checkpoint:before-rename")
                os.replace(temporary, final)
                sync(self._directory)
            except HitlError:
                raise
            except Exception as error:  # safetensors reports a full disk by an error of its own
                raise CheckpointError(
                    Sentence(
                        "checkpoint {number} could not be written to {path} ({why}): make room "
                        "there; the checkpoints before it are untouched",
                        number=version,
                        path=self._directory,
                        why=_reason(error),
                    )
                ) from error
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            reach("checkpoint:after-rename")
            self._verified[version] = _fingerprint(final)
            self._retain()
            return final

    def newest_intact(
        self,
        on_skip: Callable[[Path, str], None],
        at_most: int | None = None,
        updates: Mapping[int, str] = NOT_TOLD,
    ) -> tuple[int, Path] | None:
        """The newest checkpoint (of version `at_most` or before) whose every byte is as it was
        written, or None. `updates` are the digests that the journal has, by number; a checkpoint
        that is of another update is none of the run's. `on_skip` hears of each that is passed over,
        and why."""
        with self._lock:
            for version in reversed(self.versions()):
                if at_most is not None and version > at_most:
                    continue
                path = self.path(version)
                problem = checkpoint_problem(path)
                if problem is None:
                    self._verified[version] = _fingerprint(path)
                    problem = _foreign(path, updates.get(version, ""))
                if problem is None:
                    return version, path
                on_skip(path, problem)
        return None

    def discard_after(self, version: int) -> None:
        """Removes checkpoints newer than `version`: of updates that the journal does not have, or
        that a rollback is about to leave. Call it before `Journal.rollback`."""
        with self._lock:
            for newer in self.versions():
                if newer > version:
                    self._remove(newer)

    def discard_before(self, version: int) -> None:
        """Removes checkpoints older than `version`."""
        with self._lock:
            for older in self.versions():
                if older < version:
                    self._remove(older)

    def _write(self, temporary: Path, save: Callable[[Path], Manifest], after: str) -> None:
        shutil.rmtree(temporary, ignore_errors=True)  # of an earlier process with our number
        temporary.mkdir()
        manifest = save(temporary)
        reach("checkpoint:saved")
        problem = _mismatch(manifest, temporary)
        if problem is not None:
            raise OSError(f"it does not read back as written: {problem}")
        sync_tree(temporary)
        reach("checkpoint:before-manifest")
        text = dataclasses.replace(manifest, after=after).to_json()
        write_synced(temporary / FILE_NAME, text.encode())
        sync(temporary)
        reach("checkpoint:after-manifest")

    def _retain(self) -> None:
        """Removes what is older than the `keep` newest intact ones, and nothing else: while there
        are fewer, the broken ones may be all there is to repair from."""
        intact = 0
        for version in reversed(self.versions()):
            if intact < self._keep:
                intact += self._problem(version) is None
            else:
                self._remove(version)

    def _remove(self, version: int) -> None:
        self._verified.pop(version, None)
        try:
            remove_tree(self.path(version))
        except OSError as error:
            raise CheckpointError(
                Sentence(
                    "old checkpoint {path} cannot be removed: {why}",
                    path=self.path(version),
                    why=_reason(error),
                )
            ) from error

    def _problem(self, version: int) -> str | None:
        """`checkpoint_problem`, without reading again what has not been written to since."""
        path = self.path(version)
        try:
            found = _fingerprint(path)
        except OSError as error:
            return _reason(error)
        if self._verified.get(version) == found:
            return None
        problem = checkpoint_problem(path)
        if problem is None:
            self._verified[version] = found
        return problem


def checkpoint_versions(directory: Path) -> list[int]:
    """Versions of the checkpoints in a `steps` folder, intact or not, oldest first."""
    if not directory.is_dir():
        return []
    return sorted(
        int(path.name)
        for path in directory.iterdir()
        if _VERSION.fullmatch(path.name) and path.name == f"{int(path.name):06d}" and path.is_dir()
    )


def checkpoint_age(directory: Path, at_most: int) -> float | None:
    """Seconds since the newest checkpoint of version `at_most` or before in a `steps` folder was
    written, intact or not; None without one. Quick: nothing is read."""
    for version in reversed(checkpoint_versions(directory)):
        if version <= at_most:
            with contextlib.suppress(OSError):  # its manifest may be gone: then the one before it
                written = (directory / f"{version:06d}" / FILE_NAME).stat().st_mtime
                return max(time.time() - written, 0.0)
    return None


def newest_checkpoint(
    directory: Path, at_most: int, updates: Mapping[int, str] = NOT_TOLD
) -> tuple[int, Path] | None:
    """The newest intact checkpoint of version `at_most` or before in a `steps` folder that is of
    one of the `updates`, or None; see `Checkpoints.newest_intact`. Only reads, so the run may be
    open elsewhere."""
    for version in reversed(checkpoint_versions(directory)):
        path = directory / f"{version:06d}"
        intact = version <= at_most and checkpoint_problem(path) is None
        if intact and _foreign(path, updates.get(version, "")) is None:
            return version, path
    return None


def checkpoint_problem(path: Path, *, quick: bool = False) -> str | None:
    """Why a checkpoint is not what was written, or None. `quick` compares the sizes only."""
    try:
        text = (path / FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Sentence("{path} is missing", path=FILE_NAME)
    except (OSError, UnicodeDecodeError) as error:
        return Sentence("{path} cannot be read: {why}", path=FILE_NAME, why=_reason(error))
    try:
        manifest = Manifest.from_json(text)
    except (ValueError, OverflowError, RecursionError):
        return Sentence("{path} is damaged", path=FILE_NAME)
    if not manifest.files:
        return Sentence("{path} names no files", path=FILE_NAME)
    try:
        return manifest.problem(path, quick=quick)
    except OSError as error:
        return Sentence("it cannot be read: {why}", why=_reason(error))


def _foreign(path: Path, update: str) -> str | None:
    """Why an intact checkpoint is not of the update whose digest the journal has, or None. One that
    does not say, and an update of which nothing is known, are believed."""
    after = Manifest.from_json((path / FILE_NAME).read_text(encoding="utf-8")).after
    if not after or not update or after == update:
        return None
    return Sentence("it is of another branch than the journal")


def _mismatch(manifest: Manifest, directory: Path) -> str | None:
    if not manifest.files:
        return "nothing was saved"
    written = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
    if unnamed := sorted(written - manifest.files.keys()):
        return f"{unnamed[0]} is not in the manifest"
    return manifest.problem(directory)


def _fingerprint(directory: Path) -> _Print:
    found = []
    for path in sorted(directory.rglob("*")):
        state = path.stat()
        found.append((str(path), state.st_ino, state.st_size, state.st_ctime_ns))
    return tuple(found)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
