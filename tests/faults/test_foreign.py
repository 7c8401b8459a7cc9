"""What others put into a run or a policy: newer versions, pickles, code, another base policy."""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3
from pathlib import Path

import pytest

from .command import LINES, SMALL, state
from .conftest import Bench

# --- newer versions -----------------------------------------------------------------------------


def newer_option(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["options"]["telepathy"] = True
    (run / "config.json").write_text(json.dumps(config))


def newer_config(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"format": 2}))


def newer_journal(run: Path) -> None:
    with sqlite3.connect(run / "journal.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


@pytest.mark.parametrize("change", [newer_option, newer_config, newer_journal])
@pytest.mark.parametrize("command", ["resume", "replay"])
def test_a_run_of_a_newer_version_is_refused_and_untouched(
    bench: Bench, change: object, command: str
) -> None:
    change(bench.run)  # type: ignore[operator]
    before = bench.content()
    more = ["--plain"] if command == "resume" else ["--repair"]
    done = bench.hitl(command, "a", *more, typed=LINES[8:])
    assert done["code"] in (1, 2)
    [line] = done["err"].splitlines()
    assert "newer hitl" in line and "update" in line
    assert bench.content() == before


# --- pickles ------------------------------------------------------------------------------------


class Canary:
    """Unpickled, it leaves a file behind."""

    def __init__(self, cage: Path) -> None:
        self._cage = cage

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._cage,)


PICKLES = (
    "pytorch_model.bin", "optimizer.pt", "scheduler.pt", "training_args.bin", "state.pkl",
    "rng_state.pth", "model.pkl", "adapter_model.bin", "tokenizer.pkl", "pytorch_model.bin.pkl",
)  # fmt: skip


def release(folder: Path, cage: Path) -> None:
    for name in PICKLES:
        (folder / name).write_bytes(pickle.dumps(Canary(cage)))


def test_the_canary_sings(tmp_path: Path) -> None:
    release(tmp_path, tmp_path / "free")
    pickle.loads((tmp_path / "optimizer.pt").read_bytes())
    assert (tmp_path / "free").exists()


def test_a_pickle_anywhere_in_a_run_is_never_opened(
    bench: Bench, six_updates: str, tmp_path: Path
) -> None:
    cage = tmp_path / "free"
    for folder in [bench.run, *(p for p in bench.run.rglob("*") if p.is_dir())]:
        release(folder, cage)
    done = bench.hitl("resume", "a", "--plain", typed=LINES[8:])
    assert done["code"] == 0, done["err"]
    assert state(str(bench.folder)) == {"version": 6, "digest": six_updates}
    assert json.loads(bench.hitl("replay", "a", "--json")["out"])["identical"]
    bench.hitl("runs")
    assert not cage.exists()


def test_weights_that_are_only_a_pickle_are_refused(
    bench: Bench, shop: Path, tmp_path: Path
) -> None:
    folder, cage = tmp_path / "evil", tmp_path / "free"
    shutil.copytree(shop / "policy", folder)
    release(folder, cage)
    beside = bench.hitl(
        "train", "--plain", "--run", "b", *SMALL, "--policy", str(folder), typed=LINES[:2]
    )
    assert beside["code"] == 0 and "update 1: " in beside["out"]
    (folder / "model.safetensors").unlink()
    alone = bench.hitl("train", "--plain", "--run", "c", *SMALL, "--policy", str(folder))
    assert alone["code"] == 2 and "pickled weights only" in alone["err"]
    assert not cage.exists()


# --- code ---------------------------------------------------------------------------------------

CODE = """
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel
Path({cage!r}).touch()
class OwnConfig(GPT2Config):
    model_type = "own-gpt2"
class OwnModel(GPT2LMHeadModel):
    config_class = OwnConfig
"""
ASKED = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}


@pytest.fixture
def policy_with_code(shop: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(shop / "policy", tmp_path / "own"))
    (folder / "own.py").write_text(CODE.format(cage=str(tmp_path / "free")))
    config = json.loads((folder / "config.json").read_text())
    config |= {"auto_map": ASKED, "model_type": "own-gpt2", "architectures": ["OwnModel"]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_policy_that_brings_code_is_refused_unless_trusted(
    bench: Bench, policy_with_code: Path, tmp_path: Path
) -> None:
    words = ("train", "--plain", "--run", "b", *SMALL, "--policy", str(policy_with_code))
    done = bench.hitl(*words, typed=LINES[:2])
    assert done["code"] == 2
    [line] = done["err"].splitlines()
    assert "asks to run code of its own (auto_map in config.json)" in line
    assert "--trust-remote-code" in line
    assert not (tmp_path / "free").exists()
    assert not (bench.folder / "checkpoints" / "b").exists()

    done = bench.hitl(*words, "--trust-remote-code", typed=LINES[:2])
    assert done["code"] == 0 and "update 1: " in done["out"], done["err"]
    assert (tmp_path / "free").exists()
    config = json.loads((bench.folder / "checkpoints" / "b" / "config.json").read_text())
    assert config["options"]["trust_remote_code"] is True
    again = bench.hitl("resume", "b", "--plain", typed=LINES[2:4])
    assert again["code"] == 0 and "update 2: " in again["out"], again["err"]


def test_a_tokenizer_that_brings_code_is_refused(bench: Bench, shop: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shop / "policy", tmp_path / "own"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["auto_map"] = {"AutoTokenizer": ["own.Own", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    done = bench.hitl("train", "--plain", "--run", "b", *SMALL, "--policy", str(folder))
    assert done["code"] == 2 and "auto_map in tokenizer_config.json" in done["err"]


# --- another base policy ------------------------------------------------------------------------

OTHER = "is not the one this run began with"


def test_the_base_policy_is_known_by_its_weights(bench: Bench, shop: Path, tmp_path: Path) -> None:
    import hashlib

    policy = Path(shutil.copytree(shop / "policy", tmp_path / "own"))
    words = ("train", "--plain", "--run", "b", *SMALL, "--policy", str(policy))
    assert bench.hitl(*words, typed=LINES[:2])["code"] == 0
    path = bench.folder / "checkpoints" / "b" / "config.json"
    config = path.read_text()
    weights = (policy / "model.safetensors").read_bytes()
    assert json.loads(config)["base"] == {
        "policy": str(policy), "sha256": hashlib.sha256(weights).hexdigest(),
    }  # fmt: skip
    assert OTHER not in bench.hitl("resume", "b", "--plain")["out"]
    assert OTHER not in bench.hitl("replay", "b")["err"]

    changed = bytearray(weights)
    changed[-5] ^= 1
    (policy / "model.safetensors").write_bytes(changed)
    resumed = bench.hitl("resume", "b", "--plain")
    assert resumed["code"] == 0 and resumed["out"].count(OTHER) == 1
    assert f"warning: the base policy {policy} " in resumed["out"]
    replayed = bench.hitl("replay", "b")
    assert replayed["code"] == 1 and OTHER in replayed["err"]
    assert path.read_text() == config


def test_a_device_for_one_stint(bench: Bench) -> None:
    path = bench.run / "config.json"
    config = json.loads(path.read_text())
    config["options"]["device"] = "cuda:99"  # of the machine that it was made on
    path.write_text(json.dumps(config))
    before = path.read_bytes()
    assert bench.hitl("resume", "a", "--plain", typed=LINES[8:9])["code"] == 1
    done = bench.hitl("resume", "a", "--plain", "--device", "cpu", typed=LINES[8:10])
    assert done["code"] == 0 and "update 5: " in done["out"], done["err"]
    assert json.loads(bench.hitl("replay", "a", "--json", "--device", "cpu")["out"])["identical"]
    assert path.read_bytes() == before
