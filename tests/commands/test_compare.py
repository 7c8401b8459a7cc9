"""`hitl compare`: its tables in a terminal."""

from __future__ import annotations

import pytest

from hitl.commands.compare import _print_tables
from hitl.compare import Comparison, Sample


@pytest.mark.parametrize("named", ["out[/x]v2", "[red]", "\x1b[31mx"])
def test_the_name_of_a_policy_is_no_markup(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    sample = Sample("P", "[/a]", "[b]", 0.5, 1.0)
    found = Comparison(1, 0.5, 0.5, 0.5, 3.0, 3.0, (sample,), named)
    _print_tables(found, 1)
    said = capsys.readouterr().out
    assert named.replace("\x1b", "") in said and "\x1b" not in said
    assert "P[/a]" in said and "P[b]" in said
