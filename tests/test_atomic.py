"""A folder is there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl.atomic import whole_folder


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_gets_its_name_when_all_is_in_it(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "models" / "mine"
    if there:
        out.mkdir(parents=True)
    with whole_folder(out) as folder:
        (folder / "a").write_text("1")
        assert not out.exists() or not any(out.iterdir())
    assert [path.name for path in out.parent.iterdir()] == ["mine"]
    assert (out / "a").read_text() == "1"


def test_nothing_is_left_of_a_folder_that_was_not_finished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "mine") as folder:
        (folder / "a").write_text("1")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
