"""What is installed here."""

from __future__ import annotations

import sys
from pathlib import Path


def version_of(package: str) -> str:
    """Of a package by its name on the index; "none" when it is not installed.

    Told by the name of its folder (PEP 427): to import importlib.metadata and have it read files
    takes a fifteenth of the time to the first picture.
    """
    for place in sys.path:
        for folder in Path(place or ".").glob(f"{package}-*.dist-info"):
            return folder.name.removeprefix(f"{package}-").removesuffix(".dist-info")
    from importlib.metadata import PackageNotFoundError, version  # installed in some other way

    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
