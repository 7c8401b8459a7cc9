"""What an interrupted training left: what of it is gone on with, and when it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl.errors import UsageError
from hitl.learn.scratch import resumable, same_data


def checkpoint(work: Path, step: int, state: str | None = '{"global_step": 1}') -> Path:
    folder = work / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    if state is not None:
        (folder / "trainer_state.json").write_text(state)
    return folder


@pytest.mark.parametrize("state", [None, "", '{"global_step": 8, "log_hist'])
def test_a_checkpoint_that_was_being_written_is_not_gone_on_from(
    tmp_path: Path, state: str | None
) -> None:
    whole, torn = checkpoint(tmp_path, 4), checkpoint(tmp_path, 8, state)
    assert resumable(tmp_path)
    assert whole.is_dir() and not torn.exists()


def test_without_a_whole_checkpoint_a_training_begins_anew(tmp_path: Path) -> None:
    assert not resumable(tmp_path) and not resumable(tmp_path / "none")
    torn = checkpoint(tmp_path, 4, None)
    assert not resumable(tmp_path) and not torn.exists()


def test_other_data_are_refused_and_the_same_are_not(tmp_path: Path) -> None:
    rows = [{"text": "好", "label": 1.0}, {"text": "坏", "label": None}]
    same_data(tmp_path, rows)
    same_data(tmp_path, (dict(reversed(row.items())) for row in rows))
    changed = (rows[:1], rows[::-1], [*rows, rows[0]], [rows[0], {"text": "坏", "label": 0.0}])
    for other in changed:
        with pytest.raises(UsageError, match=r"unfinished run on other data.*delete the folder"):
            same_data(tmp_path, other)
    same_data(tmp_path, rows)
