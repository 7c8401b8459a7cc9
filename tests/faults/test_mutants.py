"""The mutants are still mistakes in the code as it is. `python -m tests.faults.mutants` lets the
tests look for them."""

from __future__ import annotations

import ast

import pytest

from .mutants import MUTANTS, ROOT, TESTS, Mutant

ALL = [(part, mutant) for part, mutants in MUTANTS.items() for mutant in mutants]


@pytest.mark.parametrize(("part", "mutant"), ALL, ids=[mutant.what for _, mutant in ALL])
def test_a_mutant_is_another_program(part: str, mutant: Mutant) -> None:
    text = (ROOT / "hitl" / mutant.file).read_text("utf-8")
    changed = mutant.applied(text)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))
    assert all((ROOT / test).exists() for test in TESTS[part])


def test_each_part_is_broken_in_five_ways_or_more() -> None:
    assert all(len(MUTANTS[part]) >= 5 for part in TESTS)


def test_a_mutant_whose_place_is_gone_says_so() -> None:
    with pytest.raises(ValueError, match=r"hitl/rewards.py has no one place 'no such line'"):
        Mutant("nothing", "rewards.py", "no such line", "").applied("x = 1\n")
