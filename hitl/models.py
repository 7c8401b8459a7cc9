"""A model's name -> its folder, or a hub id: a path, ./checkpoints/NAME, shipped, the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hitl.errors import HitlError, UsageError
from hitl.rundir import is_run
from hitl.shipped import POLICIES, SCORERS, shipped

# Hub ids without an organisation, from the hub's first days, that people still type.
_BARE = frozenset({"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2"})
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


Use = Literal["policy", "scorer"]
"""What a model is wanted for: to write texts, or to judge them."""

_WRITES = re.compile("CausalLM|LMHead|ConditionalGeneration")
_JUDGES = re.compile("SequenceClassification|RewardModel")


def resolve(
    name: str, root: Path, use: Use | None = None, *, trust_remote_code: bool = False
) -> Path | str:
    """The folder that `name` means, or `name` itself when it looks like a hub id.

    `root` is the folder of runs and of the user's own models, normally ./checkpoints. Raises
    UsageError when nothing of that name exists, or when the folder holds no model that is safe
    to load, or one that is not for `use`; one with code of its own is only safe to those who trust
    it.
    """
    found = _resolve(name, root, trust_remote_code)
    if use is not None and isinstance(found, Path):
        check_use(name, _architectures(found), use)
    return found


def check_use(name: str, architectures: Sequence[str], use: Use) -> None:
    """Raises UsageError when the architectures of a model's configuration are not for `use`.

    transformers would load it all the same, and draw the head that it lacks at random. What says
    nothing of its architecture is not refused, nor a policy without a head: that may be tied.
    """
    said = " ".join(architectures)
    if use == "policy" and _JUDGES.search(said) and not _WRITES.search(said):
        raise UsageError(
            f"{name} judges texts ({said}) and cannot write any: give a policy, such as tiny-zh or "
            "tiny-en"
        )
    if use == "policy" and "MaskedLM" in said:
        raise UsageError(
            f"{name} fills gaps ({said}) and cannot write texts: give a policy, such as tiny-zh or "
            "tiny-en"
        )
    if use == "scorer" and said and not _JUDGES.search(said):
        raise UsageError(
            f"{name} has not learned to judge texts ({said}): give a classifier or a reward model, "
            "such as sentiment-zh or sentiment-en, or make one of it with `hitl reward train`"
        )


def _architectures(folder: Path) -> Sequence[str]:
    try:
        found = json.loads((folder / "config.json").read_bytes())["architectures"]
        return [str(name) for name in found]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # to load it will say so
        return ()


def _resolve(name: str, root: Path, trust_remote_code: bool) -> Path | str:
    if not name.strip() or "\0" in name:
        raise UsageError(f"no model was named: give {_choices()}")
    try:
        path = Path(name).expanduser()
        here = path.exists()
    except (OSError, RuntimeError):  # a name too long, a home of nobody
        raise UsageError(f"no model {name[:60]!r} here: give {_choices()}") from None
    if here:
        return checked(path, trust_remote_code=trust_remote_code)
    own = root / name
    if not path.is_absolute() and own.is_dir() and not is_run(own):
        return checked(own, trust_remote_code=trust_remote_code)
    found = shipped("checkpoints", name) if name in POLICIES + SCORERS else None
    if found is not None:
        return checked(found)
    if name in POLICIES + SCORERS:
        raise HitlError(f"the model {name} is missing from this installation: install hitl again")
    if not path.is_absolute() and own.is_dir():
        checked(own)
    # checkpoints/zh-1 looks like a hub id too, but where the first part is a folder here, it is not
    # the hub that was meant.
    if name in _BARE or (_HUB_ID.fullmatch(name) and not path.parent.is_dir()):
        return name
    raise UsageError(f"no model {name!r} here: give {_choices()}")


def checked(folder: Path, *, trust_remote_code: bool = False) -> Path:
    """`folder`, if it holds a configuration and safetensors weights, and no code that is not
    trusted; raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: give the folder that save_pretrained wrote")
    if is_run(folder):
        raise UsageError(
            f"{folder} is a run, not a model: continue it with `hitl resume {folder.name}`, or "
            "give the policy folder inside one of its steps"
        )
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"{folder} has no config.json: give a folder that save_pretrained wrote, "
            f"or {_choices()}"
        )
    if not trust_remote_code and (name := _asks_for_code(folder)):
        raise UsageError(
            f"{folder} asks to run code of its own (auto_map in {name}), which can do whatever you "
            "can: read it, and add --trust-remote-code if you trust it"
        )
    missing = _missing_weights(folder)
    if missing is None:
        return folder
    if any(folder.glob("pytorch_model*.bin")):
        raise UsageError(
            f"{folder} has pickled weights only (pytorch_model.bin), which can run code when they "
            "are loaded: save the model again with safetensors"
        )
    raise UsageError(
        f"{folder} has no weights ({missing} is missing or empty): download the whole model, or "
        f"give {_choices()}"
    )


def _asks_for_code(folder: Path) -> str | None:
    """The file that names Python code to be run when the model is loaded."""
    for name in ("config.json", "tokenizer_config.json", "processor_config.json"):
        try:
            config = json.loads((folder / name).read_bytes())
        except (OSError, ValueError, RecursionError):  # to load it will say so
            continue
        if isinstance(config, dict) and config.get("auto_map"):
            return name
    return None


def _missing_weights(folder: Path) -> str | None:
    """Name of the first weight file that is missing or empty; None if all are there."""
    index = folder / "model.safetensors.index.json"
    names = {"model.safetensors"}
    if index.is_file() and not (folder / "model.safetensors").exists():
        try:
            names = {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
        except (ValueError, KeyError, AttributeError, TypeError):
            raise UsageError(f"{index} cannot be read: download the whole model again") from None
    for name in sorted(names):
        path = folder / name
        if not path.is_file() or path.stat().st_size == 0:
            return name
    return None if names else "model.safetensors"


def _choices() -> str:
    return (
        f"a shipped name ({', '.join(POLICIES + SCORERS)}), a folder, or a hub id such as org/name"
    )
