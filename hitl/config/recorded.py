"""The options of a run as its config.json has them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from hitl.config.ppo import PPOConfig
from hitl.config.session import SessionConfig
from hitl.errors import UsageError
from hitl.wording import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedConfig(SessionConfig):
    """The options of a run that was made, with the numbers of its PPO step: a preset may become
    another one in a later version, a run may not."""

    recorded: PPOConfig

    @property
    def ppo(self) -> PPOConfig:
        """The numbers the run began with, whatever its preset is now."""
        return self.recorded


def to_json(config: SessionConfig) -> dict[str, Any]:
    """The options for config.json, where the numbers of the PPO step have a place of their own."""
    return {f.name: getattr(config, f.name) for f in dataclasses.fields(SessionConfig)}


def from_json(options: dict[str, Any], ppo: dict[str, Any], where: str) -> SessionConfig:
    """From the options and the numbers of the PPO step in config.json, which is at `where`.

    Raises UsageError when one is not known, since the run is of a newer version, and when one
    cannot be what it is: somebody changed the file.
    """
    if strange := _strange(options, SessionConfig) + _strange(ppo, PPOConfig):
        raise UsageError(
            Sentence(
                "{path} has options this version does not know ({names}): the run was made by a "
                "newer hitl; update it and try again",
                path=where,
                names=", ".join(strange),
            )
        )
    numbers: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in ppo.items()}
    if numbers:
        numbers.setdefault("lr_decay", None)  # a run from before there was one keeps its rate
    try:
        if not numbers:
            return SessionConfig(**options)
        return RecordedConfig(**options, recorded=PPOConfig(**numbers))
    except (TypeError, ValueError) as error:  # a UsageError too, which names an option of no file
        raise UsageError(
            Sentence("{path} is damaged ({why}): restore it from a copy", path=where, why=error)
        ) from error


def _strange(given: dict[str, Any], kind: type[SessionConfig] | type[PPOConfig]) -> list[str]:
    return sorted(set(given) - {f.name for f in dataclasses.fields(kind)})
