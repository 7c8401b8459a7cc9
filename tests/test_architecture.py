"""The three worlds stay apart: what may import what, and what an import pulls in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def python(code: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """`lint-imports` with the contracts of this checkout, on the package in `folder`."""
    return python(LINT, "--no-cache", "--config", str(ROOT / "pyproject.toml"), folder=folder)


def test_the_import_contracts_are_kept() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("session.py", "import torch"),
        ("assemble.py", "import transformers"),
        ("tui/app.py", "import torch"),
        ("learn/kl.py", "import textual"),
        ("commands/train.py", "from textual.app import App"),
        ("learn/kl.py", "import hitl.tui.app"),
        ("tui/app.py", "import hitl.learn.engine"),
        ("session.py", "import hitl.learn.engine"),
        ("journal/journal.py", "import hitl.session"),
        ("records.py", "def later() -> None:\n    import hitl.rewards"),
        ("unlisted.py", "import hitl.records"),
    ],
)
def test_an_import_across_the_lines_breaks_them(tmp_path: Path, module: str, line: str) -> None:
    package = tmp_path / "hitl"
    shutil.copytree(ROOT / "hitl", package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "unlisted" in result.stdout or "1 broken" in result.stdout


@pytest.mark.parametrize("module", ["hitl.session", "hitl.plain", "hitl.assemble", "hitl.cli"])
def test_what_is_imported_at_the_start_is_light(module: str) -> None:
    result = python(
        f"import sys, {module}\n"
        "print(*sorted({'torch', 'transformers', 'textual'} & sys.modules.keys()))"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
