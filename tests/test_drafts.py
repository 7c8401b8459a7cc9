from __future__ import annotations

import threading

import pytest

from hitl.drafts import Drafts


def test_a_key_does_not_wait_for_the_disk_and_the_newest_draft_is_written() -> None:
    disk = threading.Event()
    written: list[tuple[tuple[int, int], tuple[str, ...]]] = []

    def write(key: tuple[int, int], strings: tuple[str, ...]) -> None:
        assert disk.wait(10)
        written.append((key, strings))

    drafts = Drafts(write)
    for entered in "12345":
        drafts.keep((1, 0), (entered, ""))
    drafts.keep((2, 0), ("4",))
    assert not written, "all of them were taken while the disk stood still"
    disk.set()
    drafts.settle()
    assert written[-2:] == [((1, 0), ("5", "")), ((2, 0), ("4",))] and len(written) <= 3
    drafts.close()
    drafts.keep((1, 0), ("too late",))
    assert written[-1] == ((2, 0), ("4",))


def test_what_goes_wrong_is_not_swallowed() -> None:
    def write(key: tuple[int, int], strings: tuple[str, ...]) -> None:
        raise ValueError("not a draft")

    drafts = Drafts(write)
    drafts.keep((1, 0), ("4",))
    with pytest.raises(ValueError, match="not a draft"):
        drafts.settle()
    drafts.close()
