"""The three worlds stay apart: what may import what, and what an import pulls in."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "transformers", "textual")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command from the top of the checkout."""
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


def import_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    """`lint-imports` with the contracts of this checkout, on the package in `folder`."""
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    arguments = ("--no-cache", "--config", str(ROOT / "pyproject.toml"))
    # `-P`: the package is the one of PYTHONPATH, whatever folder this was started in.
    return run(sys.executable, "-P", "-c", code, *arguments, PYTHONPATH=str(folder), COLUMNS="200")


def test_the_import_contracts_are_kept() -> None:
    result = import_contracts(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize("module", ["hitl.session", "hitl.plain", "hitl.cli", "hitl.assemble"])
def test_importing_a_pure_module_loads_nothing_heavy(module: str) -> None:
    code = f"""
        import sys
        import {module}
        print(*sorted({set(HEAVY)} & sys.modules.keys()))
    """
    result = run(sys.executable, "-c", textwrap.dedent(code))
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
