"""The wheel holds what the program needs, and runs far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import hitl

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
MODELS = ("tiny-zh", "tiny-en", "sentiment-zh", "sentiment-en")
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def run(*command: str, folder: Path, **environment: str) -> str:
    """What the command prints on stdout; it must not fail."""
    result = subprocess.run(
        command, cwd=folder, env=os.environ | environment,
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", str(out))
    run(sys.executable, *build, folder=ROOT)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed package without its dependencies."""
    target = tmp_path_factory.mktemp("installed")
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    run(sys.executable, *install, "--target", str(target), str(wheel), folder=target)
    return target


def test_the_wheel_holds_code_styles_prompts_models_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = f"hitl-{hitl.__version__}.dist-info"
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "hitl").rglob("*")
        if path.suffix in {".py", ".tcss", ".mo", ".po"}
    }
    shipped = {f"hitl/shipped/prompts/{lang}.txt" for lang in ("zh", "en")}
    shipped |= {f"hitl/shipped/checkpoints/{m}/{file}" for m in MODELS for file in MODEL_FILES}
    licences = {f"{info}/licenses/{name}" for name in ("LICENSE", "NOTICE")}
    assert sorted((source | shipped | licences) - names) == []
    assert any(name.endswith(".tcss") for name in source)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    places = {Path(name).parts[0] for name in names}
    assert places == {"hitl", f"hitl-{hitl.__version__}.dist-info"}
    models = {Path(name).parts[3] for name in names if name.startswith("hitl/shipped/checkpoints/")}
    assert models == set(MODELS)
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_installed_program_says_its_version(installed: Path, tmp_path: Path) -> None:
    said = run(
        sys.executable, "-m", "hitl", "--version", folder=tmp_path, PYTHONPATH=str(installed)
    )
    assert said.split() == ["hitl", hitl.__version__]
    assert list(tmp_path.iterdir()) == []


def test_the_installed_program_finds_what_is_shipped(installed: Path, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
import hitl
from hitl.models import resolve
from hitl.prompts import load_prompts, shipped_prompts
print(hitl.__file__)
for lang in ("zh", "en"):
    assert load_prompts(shipped_prompts(lang))
    print(shipped_prompts(lang))
for name in {MODELS}:
    print(resolve(name, Path("checkpoints")))
"""
    said = run(sys.executable, "-c", code, folder=tmp_path, PYTHONPATH=str(installed))
    places = said.splitlines()
    assert len(places) == 1 + 2 + len(MODELS)
    assert all(Path(place).resolve().is_relative_to(installed.resolve()) for place in places)


def test_the_installed_program_speaks_chinese(installed: Path, tmp_path: Path) -> None:
    ask = "from hitl.wording import translator; print(translator('zh')('saved'))"
    said = run(
        sys.executable, "-c", ask, folder=tmp_path, PYTHONPATH=str(installed), PYTHONUTF8="1"
    )
    assert said.strip() == "已保存"
