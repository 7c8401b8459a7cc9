"""From labels to a taught policy, both ways: by a reward model and PPO, and by DPO."""

from __future__ import annotations

import pytest

from .conftest import Told, teller

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Commands in a folder with the run `judged`: 32 groups of four, ranked and not trained on."""
    told = teller(tmp_path_factory.mktemp("line"))
    done = told(
        "simulate", "--lang", "zh", "--mode", "rank", "--label-only", "--labels", "128",
        "--max-new-tokens", "12", "--samples", "4", "--run", "judged", "--threads", "1",
    )  # fmt: skip
    assert (done["labels"], done["updates"]) == (128, 0)
    return told


def test_labels_train_a_reward_model_that_teaches_by_ppo(line: Told) -> None:
    reward = line("reward", "train", "judged", "--out", "my-reward", "--heldout", "0.25")
    assert reward["train_lists"] == 24 and reward["pairwise_accuracy"] > 0.6
    taught = line("auto", "--lang", "zh", "--reward", "my-reward", "--updates", "6",
                  "--max-new-tokens", "12", "--run", "taught", "--threads", "1")  # fmt: skip
    rewards = taught["rewards"]
    assert sum(rewards[-3:]) > sum(rewards[:3])
    seen = line("compare", "taught", "--n", "32")
    assert seen["reward_after"] > seen["reward_before"] + 0.05  # of a scorer that did not teach
    assert 0 < seen["sequence_kl"] < 12


def test_labels_teach_by_dpo_alone(line: Told) -> None:
    """By default: half the lists are held out here only so that their figures mean something."""
    learned = line("dpo", "judged", "--out", "my-dpo", "--heldout", "0.5")
    assert learned["pairs"] == 96
    assert learned["loss_before"] == pytest.approx(0.693, abs=0.005)
    assert learned["loss_after"] < 0.685 and learned["accuracy"] > 0.55
    seen = line("compare", "judged", "--policy", "my-dpo", "--n", "32")
    assert seen["reward_after"] > seen["reward_before"]
