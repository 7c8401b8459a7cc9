"""One driver for all tests of the folder, and a workshop with a policy to try things on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .command import LINES, state
from .driver import Driver, driving


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The whole of every table takes minutes: by itself only a good part of it is run."""
    if os.environ.get("HITL_TESTS") == "thorough":
        return
    left = [item for item in items if item.get_closest_marker("thorough")]
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    with driving() as made:
        yield made


@pytest.fixture(scope="session")
def shop(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a policy and prompts."""
    folder = tmp_path_factory.mktemp("shop")
    driver.call("tests.faults.workshop:furnish", folder=folder)
    return folder


@pytest.fixture(scope="session")
def whole(driver: Driver, shop: Path) -> dict[str, Any]:
    """The run that nothing happened to."""
    return driver.call("tests.faults.workshop:killed", folder=shop, name="whole", kills=[], mood=0)


@dataclass(frozen=True)
class Bench:
    """Run `a` in a folder, and the program."""

    folder: Path
    driver: Driver

    @property
    def run(self) -> Path:
        return self.folder / "checkpoints" / "a"

    @property
    def steps(self) -> Path:
        return self.run / "steps"

    def hitl(self, *words: str, typed: Sequence[str] = ()) -> dict[str, Any]:
        """Exit code, stdout and stderr of `hitl WORDS`."""
        return self.driver.call(
            "tests.faults.command:hitl", folder=self.folder, words=words, typed=typed
        )

    def hitl_elsewhere(self, *words: str, typed: Sequence[str] = ()) -> dict[str, Any]:
        """The same, with nothing of the test's own on the file system of the run."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "checkpoints").symlink_to(self.run.parent)
            return self.driver.call(
                "tests.faults.command:hitl", folder=folder, words=words, typed=typed
            )

    def content(self) -> dict[str, bytes]:
        """Every file of the run but the lock's."""
        paths = [p for p in self.run.rglob("*") if p.is_file() and p.name != "lock"]
        return {str(p.relative_to(self.run)): p.read_bytes() for p in paths}

    def copy(self, folder: Path) -> Bench:
        """The same run elsewhere."""
        return Bench(Path(shutil.copytree(self.folder, folder)), self.driver)


@pytest.fixture(scope="session")
def six_updates(driver: Driver, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The weights after all of LINES, uninterrupted."""
    folder = tmp_path_factory.mktemp("six") / "run"
    begun = driver.call("tests.faults.command:begin", shop=shop, folder=folder, lines=len(LINES))
    assert begun["code"] == 0, begun["err"]
    at = state(str(folder))
    assert at["version"] == 6
    return at["digest"]


@pytest.fixture(scope="session")
def four(driver: Driver, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A run with four updates, not to be changed: checkpoints 3 and 4 are there."""
    folder = tmp_path_factory.mktemp("four") / "run"
    begun = driver.call("tests.faults.command:begin", shop=shop, folder=folder, lines=8)
    assert begun["code"] == 0, begun["err"]
    return Bench(folder, driver)


@pytest.fixture
def bench(four: Bench, tmp_path: Path) -> Bench:
    """A copy of that run."""
    return four.copy(tmp_path / "bench")
