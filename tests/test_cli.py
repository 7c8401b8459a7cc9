"""The command line from outside: help, exit codes, errors of one line, nothing heavy at the start.

Sessions are in e2e; here no model is loaded.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hitl
from hitl import cli
from hitl.commands.dispatch import COMMANDS as BY_NAME
from hitl.errors import HitlError, UsageError

COMMANDS = sorted(BY_NAME)
ROOT = Path(__file__).parent.parent


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`hitl words` in a folder, with nothing on standard input."""
    return subprocess.run(
        [sys.executable, "-m", "hitl", *words],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def options(kind: Any, given: Any = None) -> Iterator[tuple[str, Any]]:
    """Every option of a command's dataclass, and of those within it, with its default: that of the
    instance `given`, if there is one."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            made = field.default_factory is not dataclasses.MISSING
            yield from options(hints[field.name], field.default_factory() if made else None)
        elif field.name != "scorer" and not _unlisted(field.type):
            default = field.default if given is None else getattr(given, field.name)
            negated = "no-" if default is True else ""
            yield f"--{negated}{field.name.replace('_', '-')}", default


def _unlisted(kind: Any) -> bool:
    return "Positional" in str(kind) or "Suppress" in str(kind)


def words(text: str) -> str:
    """Help without its frames and line breaks."""
    return " ".join(text.replace("│", " ").split())


# --- help --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_option_and_default(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert cli.main([*command.split(), "--help"]) == 0
    said = words(capsys.readouterr().out)
    assert f"hitl {command}" in said
    for option, default in options(BY_NAME[command]):
        assert f"{option} " in said
        if default is not dataclasses.MISSING:
            after = said.split(f"{option} ", 1)[1]
            assert f"(default: {default!r})".replace("'", "") in after.replace("'", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_is(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*command.split(), "--help"])
    said = words(capsys.readouterr().out)
    for option, _ in options(BY_NAME[command]):
        meaning = said.split(f"{option} ", 1)[1].split("(default:")[0].split("(required)")[0]
        assert len(meaning.split()) >= 3, f"{option}: {meaning}"


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_the_overview_lists_every_command(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([word]) == 0
    said = capsys.readouterr().out
    assert all(f"  {command} " in said for command in COMMANDS)
    assert max(map(len, said.splitlines())) <= 100


def test_a_group_of_commands_has_help_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reward", "--help"]) == 0
    assert "reward train" in capsys.readouterr().out


def test_version(tmp_path: Path) -> None:
    result = run("--version", folder=tmp_path)
    assert (result.returncode, result.stdout) == (0, f"hitl {hitl.__version__}\n")


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("trian", "no command 'trian', did you mean train? `hitl --help` lists them"),
        ("xyz --help", "no command 'xyz': `hitl --help` lists them"),
        ("reward", "hitl reward needs more: hitl reward train --help"),
        ("train --group-size abc", "--group-size: not a whole number: 'abc'"),
        ("train --group-size", "--group-size has no value"),
        ("train --group-size 0", "--group-size 0 is too small: at least 1"),
        ("train --lr much", "--lr: not a number: 'much'"),
        ("train --lr nan", "--lr nan must lie between 0 and 1"),
        ("train --mode best", "--mode 'best': choose 'score', 'rank', 'pair'"),
        ("train --scale 5-1", "--scale 5-1: the low end must be below the high end"),
        ("train --scale many", "--scale 'many' is no scale"),
        ("train --mode pair", "add --group-size 2"),
        ("train --group-sizes 2", "did you mean --group-size? `hitl train --help`"),
        ("train --policy nope", "no model 'nope' here: give a shipped name (tiny-zh, tiny-en"),
        ("train --policy bare", "bare has no weights (model.safetensors is missing"),
        ("train --policy whole --prompts none.txt", "no prompt file none.txt"),
        ("train --policy whole --prompts empty.txt", "empty.txt holds no prompts"),
        ("train --policy whole --prompts gbk.txt", "gbk.txt line 2 is not UTF-8"),
        ("train --policy whole --prompts whole", "whole is a folder"),
        ("train --policy whole --run ../x", "'../x'"),
        ("resume", "there is no run in checkpoints yet: `hitl train` begins one"),
        ("resume a b", "unknown: b"),
        ("simulate --labels 0", "--labels 0 is too small"),
        ("simulate --noise 2", "--noise 2 must lie between 0 and 1"),
        ("pretrain", "missing: "),
        ("pretrain none.txt --lang zh --out o --steps 0", "--steps 0: give 1 or more"),
        ("train --policy judge", "judge judges texts (BertForSequenceClassification) and cannot"),
        ("train --root empty.txt --policy whole", "--root empty.txt is no folder: give the one"),
        ("runs --root empty.txt", "--root empty.txt is no folder: give the one that the runs are"),
        ("resume --root empty.txt", "--root empty.txt is no folder"),
        ("simulate --operator writer", "writer has not learned to judge texts (GPT2LMHeadModel)"),
        ("auto --reward writer", "give a classifier or a reward model, such as sentiment-zh"),
        ("reward score writer hello", "writer has not learned to judge texts"),
        ("reward score whole --file none.txt", "no file none.txt: check the path"),
        ("reward score whole --file whole", "whole is a folder: give a file"),
        ("reward score whole --file empty.txt hello", "--file and texts as arguments: give one"),
        ("reward score whole --file gbk.txt", "gbk.txt line 2 is not UTF-8: mend it, or take it"),
        ("reward train none --out o", "no data 'none': give a .tsv of rank lists"),
        ("reward train whole --out o", "whole is neither a run nor a folder with pos and neg"),
        ("reward train wide.csv --out o", "wide.csv is UTF-16 or UTF-32: save it as UTF-8"),
        ("reward train gbk.txt --out o --labels 5-1", "--labels 5-1: the low end must be below"),
        ("reward train gbk.txt --out o --lr nan", "--lr nan: give a number above 0"),
        ("reward train gbk.txt --out o --init nope", "no model 'nope' here"),
        ("reward eval whole gbk.txt", "gbk.txt holds single texts: give rank lists"),
        ("sft none.txt --out o", "no file none.txt: check the path"),
        ("sft gbk.txt --out o --policy judge", "judge judges texts"),
        ("dpo gbk.txt --out o", "or learn the texts with hitl sft"),
        ("pretrain gbk.txt --lang zh --out o --init nope", "no model 'nope' here"),
        (
            "pretrain gbk.txt --lang zh --out o --steps 1",
            "--warmup-steps 100: give 0 to 1 (--",
        ),
        ("export nope --format scores --out o", "there is no run nope in checkpoints: `hitl runs`"),
        ("serve --host 0.0.0.0", "--host 0.0.0.0 is every address of this machine"),
        ("serve --port 0", "--port 0 is no port: 1 to 65535"),
        ("join a@b:1 --operator me", "give the token that `hitl host` printed"),
        ("join nowhere --operator me", "'nowhere' is not RUN@HOST:PORT"),
        ("host none", "there is no run none in checkpoints"),
        ("", "this is no terminal"),
    ],
)
def test_wrong_use_is_one_line_and_2(
    line: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bare", "whole"):
        Path(name).mkdir()
        Path(name, "config.json").write_text("{}")
    Path("whole/model.safetensors").write_bytes(b"weights")
    for name, kind in (("judge", "BertForSequenceClassification"), ("writer", "GPT2LMHeadModel")):
        Path(name).mkdir()
        Path(name, "config.json").write_text(json.dumps({"architectures": [kind]}))
        Path(name, "model.safetensors").write_bytes(b"weights")
    Path("wide.csv").write_bytes("text,label\n".encode("utf-16"))
    Path("empty.txt").write_text("# nothing\n")
    Path("gbk.txt").write_bytes("a\n你好\n".encode("gbk"))
    assert cli.main(line.split()) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith("hitl: ") and errors.count("\n") == 1
    assert said in errors
    assert not Path("checkpoints").exists(), "a run that cannot begin leaves nothing behind"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (HitlError("it broke: mend it"), 1, "hitl: it broke: mend it\n"),
        (UsageError("two\nlines, \x1b[31mred"), 2, "hitl: two lines, [31mred\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), 1, "a/b: make room, then"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), 1,
         "hitl: Permission denied: a/b: give yourself the right to it, or choose another place\n"),
        (OSError(errno.EROFS, "Read-only file system", "a/b"), 1, "or choose another place"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"), 1,
         "hitl: No such file or directory: a/b: check the path\n"),
        (OSError(errno.EIO, "Input/output error", "a/b"), 1, "a/b: try again; --debug shows"),
        (ZeroDivisionError("by zero"), 1, "ZeroDivisionError: by zero: please report it"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)  # fmt: skip
def test_how_errors_end(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["runs"]) == code
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == (1 if said else 0)
    cli.main(["runs", "--debug"])
    assert ("Traceback" in capsys.readouterr().err) == bool(said)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "hitl", "train", "--help"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_ctrl_c_ends_quietly_with_130(tmp_path: Path) -> None:
    code = "import time; print('ready', flush=True); time.sleep(60)"
    program = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # or a shell's
        f"from hitl import cli\ncli._run = lambda words: exec({code!r})\nexit(cli.main([]))"
    )  # background job would hand its deafness on
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == ""


# --- runs --------------------------------------------------------------------------------------


def test_runs_in_an_empty_folder(tmp_path: Path) -> None:
    result = run("runs", folder=tmp_path)
    assert result.returncode == 0 and "no runs in checkpoints yet" in result.stdout
    result = run("runs", "--json", folder=tmp_path)
    assert (result.returncode, json.loads(result.stdout.splitlines()[-1])) == (0, [])
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_of_another_encoding(tmp_path: Path) -> None:
    result = run("runs", "--root", "没有", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "no runs in ??" in result.stdout


# --- speed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["--help", "--version", "runs", "runs --json", "train --help"])
def test_nothing_heavy_is_imported(line: str, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom hitl.cli import main\nmain(sys.argv[1:])\n"
        "heavy = {'torch', 'transformers', 'textual', 'numpy'} & sys.modules.keys()\n"
        "print(*sorted(heavy), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *line.split()],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stderr.split()) == (0, [])


# --- how the screens look -----------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--ui-lang", "zh"), ("--theme=light",)])
def test_without_a_command_the_look_can_be_chosen(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*words, folder=tmp_path)
    assert done.returncode == 2 and "this is no terminal" in done.stderr


@pytest.mark.parametrize(("asked", "fps"), [({}, "120"), ({"TEXTUAL_FPS": "30"}, "30")])
def test_the_screen_is_drawn_often_enough_for_keys(
    asked: dict[str, str], fps: str, tmp_path: Path
) -> None:
    code = (
        "from hitl.cli import main\nmain(['runs'])\n"
        "from textual.constants import MAX_FPS\nprint(MAX_FPS)"
    )
    plain = {name: value for name, value in os.environ.items() if name != "TEXTUAL_FPS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=plain | {"PYTHONPATH": str(ROOT)} | asked,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == fps


def test_a_language_that_the_screens_do_not_speak(tmp_path: Path) -> None:
    done = run("--ui-lang", "fr", folder=tmp_path)
    assert done.returncode == 2 and "zh" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_browser_gets_the_look_that_serve_was_given() -> None:
    from hitl.commands.serve import look_options
    from hitl.config.look import Look

    assert look_options(Look()) == []
    given = look_options(Look(ui_lang="zh", theme="light"))
    assert given == ["--ui-lang", "zh", "--theme", "light"]
