"""How a run is opened this time, over the options it was made with."""

from __future__ import annotations

import dataclasses
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from hitl.config.place import HERE, Place
from hitl.config.session import SessionConfig
from hitl.errors import UsageError
from hitl.rundir import RunDir


@dataclass(frozen=True, slots=True)
class Opening:
    """How a run is opened this time; none of it is an option of the run."""

    ahead: int = 0
    """Groups sampled ahead while one is judged; 0 waits for each."""
    shuffle: bool = False
    """Mix the places of a group's completions."""
    again: float = 0.0
    """Share of groups that come a second time, to see how far the operator agrees with
    themselves."""
    device: str | None = None
    """Where the policy lives, in place of the run's own device."""
    place: Place = HERE
    """Whose engine it is."""
    at: int | None = None
    """The update to go back to; what came after it is left behind."""


AS_IT_IS = Opening()
"""Nothing ahead, nothing mixed: the same judgements make the same run."""


def config_of(run: RunDir, opening: Opening = AS_IT_IS) -> SessionConfig:
    """The options a run was made with, but for what is asked this time."""
    config = run.options()
    if opening.device is None:
        return config
    return dataclasses.replace(config, device=opening.device)


def begun_as(root: Path, name: str | None) -> SessionConfig | None:
    """The options of the run of this name; None where there is none yet."""
    if name is None or not RunDir.exists(root, name):
        return None
    return config_of(RunDir.open(root, name))


def check_place(place: Place) -> None:
    """Raises UsageError when what it needs is not installed."""
    if place.engine == "ray" and importlib.util.find_spec("ray") is None:
        raise UsageError("--engine ray needs Ray, which is not installed: pip install ray")
