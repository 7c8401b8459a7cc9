"""The folder of a run: checkpoints/RUN with config.json, journal.db and steps/."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hitl
from hitl.atomic import TEMPORARY, atomic_write, sweep, sync, sync_tree, write_synced
from hitl.config.recorded import from_json
from hitl.config.session import SessionConfig
from hitl.errors import HitlError, UsageError
from hitl.faultpoints import reach
from hitl.journal import Journal
from hitl.wording import Sentence

FORMAT = 1
CONFIG_KEYS = ("options", "ppo", "versions", "base")
_LONGEST_NAME_BYTES = 100


class RunError(HitlError):
    """A run folder is in the way, damaged or of a newer version, or cannot be made."""


@dataclass(frozen=True, slots=True)
class RunDir:
    """Where the parts of one run are."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str, config: dict[str, Any]) -> RunDir:
        """Makes the folder with its config.json and an empty journal, whole or not at all.

        `config` has "options" (every option as resolved), "ppo" (the numbers its preset stood
        for), "versions" (of the libraries) and "base" (what the policy started from); format and
        version of hitl are added. Raises UsageError for a name that cannot be a run's, RunError
        when the folder cannot be made.
        """
        check_name(name)
        if strange := sorted(set(config) - {*CONFIG_KEYS, "format", "hitl"}):
            raise ValueError(f"no part of config.json: {', '.join(strange)}")
        final = root / name
        if os.path.lexists(final):
            raise RunError(f"{final} is there already: resume it, or choose another name")
        full = {"format": FORMAT, "hitl": hitl.__version__}
        full |= {key: config.get(key, {}) for key in CONFIG_KEYS}
        text = json.dumps(full, ensure_ascii=False, indent=1)
        temporary = root / f"{TEMPORARY}{name}-{os.getpid()}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            sweep(root)
            shutil.rmtree(temporary, ignore_errors=True)
            (temporary / "steps").mkdir(parents=True)
            write_synced(temporary / "config.json", text.encode())
            Journal.open(temporary / "journal.db", create=True).close()
            sync_tree(temporary)
            reach("run:before-rename")
            os.rename(temporary, final)
            sync(root)
        except FileExistsError as error:
            raise _no_folder(root) from error
        except OSError as error:
            raise RunError(
                f"run {name} cannot be made in {root}: {error.strerror}; make that possible, or "
                "choose another folder with --root"
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return cls(final)

    @classmethod
    def open(cls, root: Path, name: str) -> RunDir:
        """Raises UsageError when there is no such run, RunError when it is damaged or of a newer
        version."""
        if not cls.exists(root, name):
            raise UsageError(f"there is no run {name} in {root}: `hitl runs` lists those there are")
        run = cls(root / name)
        run.config()
        return run

    @staticmethod
    def exists(root: Path, name: str) -> bool:
        """Whether `name` is a run in `root`, whole or damaged."""
        return _problem_with(name) is None and is_run(root / name)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        """config.json."""
        return self.path / "config.json"

    @property
    def journal_path(self) -> Path:
        """journal.db."""
        return self.path / "journal.db"

    @property
    def rank_lists_path(self) -> Path:
        """What a run that only labels leaves behind."""
        return self.path / "ranklist.tsv"

    @property
    def steps(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "steps"

    @property
    def log_path(self) -> Path:
        """What would have gone to stderr."""
        return self.path / "hitl.log"

    def config(self) -> dict[str, Any]:
        """config.json as it is. Raises RunError when it is missing, damaged or newer."""
        path = self.config_path
        try:
            config = json.loads(path.read_bytes())
        except OSError as error:
            raise unreadable(path, error) from error
        except (ValueError, RecursionError) as error:
            raise RunError(
                Sentence(
                    "{path} is damaged ({why}): restore it from a copy", path=path, why=str(error)
                )
            ) from error
        if not isinstance(config, dict) or type(config.get("format")) is not int:
            raise RunError(
                Sentence("{path} is not the config of a run: restore it from a copy", path=path)
            )
        if config["format"] > FORMAT:
            raise RunError(
                Sentence(
                    "run {run} was made by a newer hitl (config format {version}, this one knows "
                    "{known}): update hitl and try again",
                    run=self.name,
                    version=config["format"],
                    known=FORMAT,
                )
            )
        for key in CONFIG_KEYS:
            if not isinstance(config.get(key), dict):
                raise RunError(
                    Sentence("{path} has no {key}: restore it from a copy", path=path, key=key)
                )
        return config

    def options(self) -> SessionConfig:
        """The options the run was made with. Raises RunError, and UsageError for damaged or newer
        ones."""
        config = self.config()
        return from_json(config["options"], config["ppo"], str(self.config_path))

    def note_base(self, base: dict[str, Any]) -> None:
        """Writes anew what the policy started from. Raises OSError, and leaves it as it was."""
        text = json.dumps(self.config() | {"base": base}, ensure_ascii=False, indent=1)
        atomic_write(self.config_path, text)


def is_run(path: Path) -> bool:
    """Whether a folder is a run, whole or damaged, and not a model or something else.

    Raises RunError when that cannot be seen.
    """
    try:
        if not path.is_dir():
            return False
        if any((path / name).exists() for name in ("journal.db", "journal.db-wal", "steps")):
            return True
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        config = json.loads((path / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and "format" in config


def entries(root: Path) -> list[Path]:
    """What lies in the folder of the runs, by name; nothing while there is no such folder.

    Raises RunError when it cannot be read, UsageError when it is a file.
    """
    try:
        return sorted(root.iterdir())
    except FileNotFoundError:
        return []
    except NotADirectoryError as error:
        raise _no_folder(root) from error
    except OSError as error:
        raise unreadable(root, error) from error


def unreadable(path: Path, error: OSError) -> RunError:
    """What to say of a part of a run that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return RunError(Sentence("{path} is missing: restore it from a copy", path=path))
    if isinstance(error, IsADirectoryError):
        return RunError(
            Sentence("{path} is a folder and not a file: restore it from a copy", path=path)
        )
    return RunError(
        Sentence(
            "{path} cannot be read ({why}): give yourself the right to, or restore it from a copy",
            path=path,
            why=error.strerror or str(error),
        )
    )


def _no_folder(root: Path) -> UsageError:
    return UsageError(
        Sentence("--root {path} is no folder: give the one that the runs are in", path=root)
    )


def fresh_name(root: Path, lang: str) -> str:
    """The next of zh-01, zh-02 … that nothing in `root` is called. Raises as `entries` does."""
    pattern = re.compile(rf"{re.escape(lang)}-(\d+)")
    names = [path.name for path in entries(root)]
    taken = [int(found[1]) for name in names if (found := pattern.fullmatch(name))]
    return f"{lang}-{max(taken, default=0) + 1:02d}"


def check_name(name: str) -> None:
    """Raises UsageError when `name` cannot be the name of a run."""
    if problem := _problem_with(name):
        raise UsageError(f"a run cannot be called {name!r}: {problem}")


def _problem_with(name: str) -> str | None:
    if not name:
        return "the name is empty"
    if any(character in name for character in "/\\:"):
        return "a name has no path separators"
    if name[0] in ".-":
        return "a name starts with neither a dot nor a hyphen"
    if name != name.strip():
        return "a name neither starts nor ends with a space"
    if any(unicodedata.category(character)[0] == "C" for character in name):
        return "a name has no control characters"
    if len(name.encode()) > _LONGEST_NAME_BYTES:
        return f"a name has at most {_LONGEST_NAME_BYTES} bytes"
    return None
