"""One driver for all tests of the folder, and a workshop with a policy to try things on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .driver import Driver, driving


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
