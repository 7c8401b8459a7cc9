"""What becomes of a session's parts when it is over."""

from __future__ import annotations

import weakref
from pathlib import Path

from hitl.assemble import opened
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.scale import Scale
from hitl.simulate import SimulatedOperator
from hitl.unsteady import Unsteadiness

from .faults.policy import write_policy, write_prompts


def test_the_policy_of_a_run_that_was_left_is_let_go(tmp_path: Path) -> None:
    policy, prompts = write_policy(tmp_path), write_prompts(tmp_path)
    config = SessionConfig(
        policy=str(policy), prompts=str(prompts), lang="en", group_size=2, batch_size=4,
        max_new_tokens=4, threads=1,
    )  # fmt: skip
    judge = SimulatedOperator(
        lambda texts: [len(text) / 99 for text in texts], Scale(1, 5), Unsteadiness(0.1), 1, 8
    )
    with opened(create_run(tmp_path, "first", config), judge) as first:
        first.session.run()
        engine = first.engine.submit(weakref.ref).result()
        assert first.journal.last_update() == 2 and engine() is not None
    del first
    with opened(create_run(tmp_path, "second", config), judge) as second:
        second.engine.submit(lambda engine: None).result()
        assert engine() is None
