"""wandb and trackio by one interface: trackio took wandb's. Imported for those who ask for one."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from hitl.errors import UsageError
from hitl.records import UpdateStats

Service = Literal["wandb", "trackio"]


def check_installed(service: Service) -> None:
    """Raises UsageError when the package is not there; nothing is imported."""
    if importlib.util.find_spec(service) is None:
        raise UsageError(
            f"--report-to {service}: the package is not installed here; pip install {service}, "
            "or leave the option out (TensorBoard is always written)"
        )


class Tracker:
    """A run there, under the name it has here: one that is continued goes on where it was."""

    def __init__(
        self, service: Service, project: str, name: str, options: Mapping[str, Any]
    ) -> None:
        """Begins or takes up run `name`; `options` are shown beside its figures."""
        self._service: Any = importlib.import_module(service)
        again = {"id": name} if service == "wandb" else {}  # which trackio knows by its name
        self._service.init(
            project=project, name=name, config=dict(options), resume="allow", **again
        )

    def add(self, stats: UpdateStats, baseline: float, texts: Sequence[tuple[str, float]]) -> None:
        """The figures of an update, and some of its texts; `baseline` was subtracted from its
        rewards."""
        figures: dict[str, Any] = {
            f"ppo/{field.name}": value
            for field in dataclasses.fields(stats)
            if isinstance(value := getattr(stats, field.name), int | float)
            and field.name != "number"
        }
        figures["env/reward_mean"] = stats.reward + baseline
        if texts:
            figures["samples"] = self._service.Table(
                columns=["text", "reward"], data=[[text, score] for text, score in texts]
            )
        self._service.log(figures, step=stats.number)

    def close(self) -> None:
        """Sends or writes what is waiting."""
        self._service.finish()
