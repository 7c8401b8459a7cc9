"""From labels to a taught policy, both ways: by a reward model and PPO, and by DPO."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import runner

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `judged`: 32 groups of four, ranked and not trained on."""
    folder = tmp_path_factory.mktemp("line")
    done = figures(
        folder, "simulate", "--lang", "zh", "--mode", "rank", "--label-only", "--labels", "128",
        "--max-new-tokens", "12", "--samples", "4", "--run", "judged",
    )  # fmt: skip
    assert (done["labels"], done["updates"]) == (128, 0)
    return folder


def figures(folder: Path, *words: str) -> dict[str, Any]:
    done = runner(folder, timeout=900)(*words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_labels_train_a_reward_model_that_teaches_by_ppo(labelled: Path) -> None:
    reward = figures(labelled, "reward", "train", "judged", "--out", "my-reward",
                     "--heldout", "0.25")  # fmt: skip
    assert reward["train_lists"] == 24 and reward["pairwise_accuracy"] > 0.6
    taught = figures(labelled, "auto", "--lang", "zh", "--reward", "my-reward", "--updates", "6",
                     "--max-new-tokens", "12", "--run", "taught")  # fmt: skip
    rewards = taught["rewards"]
    assert sum(rewards[-3:]) > sum(rewards[:3])
    seen = figures(labelled, "compare", "taught", "--n", "32")
    assert seen["reward_after"] > seen["reward_before"] + 0.05  # of a scorer that did not teach
    assert 0 < seen["sequence_kl"] < 12


def test_labels_teach_by_dpo_alone(labelled: Path) -> None:
    """By default: half the lists are held out here only so that their figures mean something."""
    learned = figures(labelled, "dpo", "judged", "--out", "my-dpo", "--heldout", "0.5")
    assert learned["pairs"] == 96
    assert learned["loss_before"] == pytest.approx(0.693, abs=0.005)
    assert learned["loss_after"] < 0.685 and learned["accuracy"] > 0.55
    seen = figures(labelled, "compare", "judged", "--policy", "my-dpo", "--n", "32")
    assert seen["reward_after"] > seen["reward_before"]
