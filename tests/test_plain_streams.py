"""Line mode at streams that fail: hung up, closed, or of another encoding."""

from __future__ import annotations

import io
import os

import pytest

from hitl.operator import (
    Notice,
    Quit,
    Saved,
)
from hitl.plain import Lost, PlainOperator
from hitl.records import (
    Judgement,
    Scores,
)
from hitl.scale import Scale
from hitl.wording import ENGLISH

from .test_plain import desk


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


class Interrupted(io.StringIO):
    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        raise KeyboardInterrupt


class HungUp(io.StringIO):
    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        raise OSError(5, "Input/output error")


def test_a_reader_that_went_away_quits() -> None:
    operator = PlainOperator("ann", Scale(1, 5), io.StringIO("3 4 1 5\n"), Broken())
    operator.notify(Saved(1))
    assert operator.judge(desk()) == Quit()
    assert operator.judge(desk()) == Quit()


def test_the_first_write_may_fail_in_judge_too() -> None:
    assert PlainOperator("a", Scale(1, 5), io.StringIO("1\n"), Broken()).judge(desk()) == Quit()


@pytest.mark.parametrize("reader", [Interrupted(), HungUp()])
def test_ctrl_c_and_a_hang_up_quit(reader: io.StringIO) -> None:
    assert PlainOperator("ann", Scale(1, 5), reader, io.StringIO()).judge(desk()) == Quit()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_after_what_was_not_kept_a_pipe_is_read_no_further() -> None:
    reader = io.StringIO("1 1 1 1\nthree\n2 2 2 2\n3 3 3 3\n")
    operator = PlainOperator("ann", Scale(1, 5), reader, io.StringIO())
    assert isinstance(operator.judge(desk(number=1)), Judgement)
    assert isinstance(operator.judge(desk(number=2)), Judgement)
    operator.notify(Notice("the disk is full", "error", lost=True))
    assert operator.judge(desk(number=2)) == Quit() and reader.readline() == "3 3 3 3\n"
    assert operator.lost == Lost(3, "the disk is full")
    error = operator.lost.error("hitl resume a", ENGLISH)
    assert error.exit_code == 1
    assert str(error).startswith("line 3 of the input and those after it were not kept (the disk")


@pytest.mark.parametrize("reader", [Terminal, io.StringIO])
def test_at_a_terminal_and_after_another_error_the_lines_go_on(
    reader: type[io.StringIO],
) -> None:
    operator = PlainOperator("ann", Scale(1, 5), reader("1 1 1 1\n2 2 2 2\n"), io.StringIO())
    operator.judge(desk())
    operator.notify(Notice("no checkpoint", "error", lost=reader is Terminal))
    assert isinstance(operator.judge(desk()), Judgement) and operator.lost is None


def test_a_line_of_other_bytes_does_not_take_its_neighbours_along() -> None:
    data = b"1 1 1 1\n\xff\xfe 3\n2 2 2 2\n3 3 3 3\n"
    reader = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="strict")
    writer = io.StringIO()
    operator = PlainOperator("ann", Scale(1, 5), reader, writer)
    replies = [operator.judge(desk(number=n)) for n in (1, 2, 3, 4)]
    verdicts = [reply.verdict for reply in replies if isinstance(reply, Judgement)]
    assert verdicts == [Scores((float(n),) * 4) for n in (1, 2, 3)]
    assert replies[3] == Quit()
    assert writer.getvalue().count("that line is not utf-8 text: type it again, or skip\n") == 1


class Undecodable(io.StringIO):
    failed = False

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        if not self.failed:
            self.failed = True
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return super().readline(size)


def test_a_reader_that_cannot_be_made_lenient_is_asked_again() -> None:
    writer = io.StringIO()
    operator = PlainOperator("ann", Scale(1, 5), Undecodable("3 4 1 5\n"), writer)
    assert isinstance(operator.judge(desk()), Judgement)
    assert "that line is not utf-8 text" in writer.getvalue()


def test_a_writer_that_lacks_chinese_shows_marks() -> None:
    raw = io.BytesIO()
    writer = io.TextIOWrapper(raw, encoding="ascii")
    reply = PlainOperator("ann", Scale(1, 5), io.StringIO("3 4 1 5\n"), writer).judge(desk())
    assert isinstance(reply, Judgement)
    assert raw.getvalue().splitlines()[1] == b"prompt: ?"


def test_a_closed_pipe_is_noticed() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    writer = os.fdopen(write_end, "w", encoding="utf-8")
    try:
        operator = PlainOperator("ann", Scale(1, 5), io.StringIO("3 4 1 5\n"), writer)
        assert operator.judge(desk()) == Quit()
    finally:
        with pytest.raises(BrokenPipeError):  # what was not written is still in the buffer
            writer.close()
