"""`hitl replay`: is the policy what base policy, config and journal say it is?"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hitl.assemble import Opened, opened
from hitl.commands.nobody import Nobody
from hitl.config.commands import Replay
from hitl.creation import RECORDED
from hitl.engine import Engine
from hitl.opening import Opening
from hitl.records import StepOptions, UpdateStats
from hitl.rewards import labelled
from hitl.rundir import RunDir


def replay(command: Replay) -> int:
    """Makes every update again from the base policy, and compares the weights after each.

    Exit code 0 when all are identical, 1 when not.
    """
    run_dir = RunDir.open(Path(command.root), command.run)
    identical, digest, updates = True, "", 0
    with opened(run_dir, Nobody(), Opening(device=command.device)) as run:
        for number, (recorded, made) in enumerate(_remade(run), 1):
            same = recorded.digest == made
            identical, digest, updates = identical and same, made, number
            verdict = "identical" if same else f"DIFFERENT, was {recorded.digest[:16]}"
            print(f"update {number:4}  {made[:16]}  {verdict}", file=sys.stderr)
        if command.repair and not identical:
            print("not repaired: the run's own checkpoints stay", file=sys.stderr)
        elif command.repair and updates:
            checkpoints, version = run.checkpoints, updates
            checkpoints.discard_after(version)  # the journal has no such updates
            # Written first: on a full disk those that are there are all there is.
            run.engine.submit(
                lambda e: checkpoints.commit(version, e.save, digest, anew=True)
            ).result()
            checkpoints.discard_before(version)
            print(f"checkpoint {updates} written anew", file=sys.stderr)
    result = {"identical": identical, "updates": updates, "digest": digest}
    if command.json:
        print(json.dumps(result))
    else:
        print(_sentence(result, list(_other_versions(run_dir))))
    return 0 if identical else 1


def _remade(run: Opened) -> Iterator[tuple[UpdateStats, str]]:
    """Each update's stats as recorded, and the digest of the weights as made again."""
    for recorded in run.journal.updates():
        batch = [labelled(j.group, j.judgement) for j in run.journal.update_batch(recorded.number)]

        number, options = recorded.number, recorded.options

        def make(
            engine: Engine,
            number: int = number,
            batch: Any = batch,
            options: StepOptions = options,
        ) -> UpdateStats:
            return engine.update(number, batch, options)

        yield recorded, run.engine.submit(make).result().digest


def _other_versions(run_dir: RunDir) -> Iterator[str]:
    """Libraries that are not of the version the run was made with."""
    recorded = run_dir.config()["versions"]
    for package in RECORDED:
        here = importlib.metadata.version(package)
        if (then := recorded.get(package)) != here:
            yield f"{package} was {then}, is {here}"


def _sentence(result: dict[str, Any], others: list[str]) -> str:
    count = f"{result['updates']} update" + ("" if result["updates"] == 1 else "s")
    if result["identical"]:
        return f"identical: {count} made again, weights {result['digest'][:16] or 'of the base'}"
    why = f" ({'; '.join(others)})" if others else ""
    return f"different: {count} made again, and the weights are not those recorded{why}"
