"""The options of a run as its config.json has them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from hitl.config.ppo import PPOConfig
from hitl.config.session import SessionConfig
from hitl.errors import UsageError


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


def from_json(options: dict[str, Any], ppo: dict[str, Any]) -> SessionConfig:
    """From the options and the numbers of the PPO step in config.json. Raises UsageError when one
    is not known: the run is of a newer version."""
    _all_known(options, SessionConfig)
    _all_known(ppo, PPOConfig)
    if not ppo:
        return SessionConfig(**options)
    numbers: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in ppo.items()}
    numbers.setdefault("lr_decay", None)  # a run from before there was one keeps its rate
    return RecordedConfig(**options, recorded=PPOConfig(**numbers))


def _all_known(given: dict[str, Any], kind: type[SessionConfig] | type[PPOConfig]) -> None:
    if unknown := sorted(set(given) - {f.name for f in dataclasses.fields(kind)}):
        raise UsageError(
            f"config.json has options this version does not know ({', '.join(unknown)}): "
            "the run was made by a newer hitl; update it and try again"
        )
