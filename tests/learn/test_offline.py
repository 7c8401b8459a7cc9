"""What the options of a training on a file come to, without the training."""

from __future__ import annotations

from pathlib import Path

from hitl.config.offline import Dpo, Passes, PreferenceConfig, Sft, Tuning
from hitl.learn.offline import arguments, lora_of


def given(passes: Passes) -> dict[str, object]:
    """For 40 rows, 8 a step."""
    return arguments(
        passes, Path("out"), rows=40, batch_size=8, lr=1e-3, precision="fp32", device="cpu", seed=7
    )


def test_options_reach_the_trainer() -> None:
    found = given(Passes(epochs=4.0, warmup=0.25, gradient_checkpointing=True))
    assert (found["max_steps"], found["warmup_steps"]) == (20, 5)
    assert found["gradient_checkpointing"] is True and given(Passes())["warmup_steps"] == 2
    assert (found["per_device_train_batch_size"], found["learning_rate"]) == (8, 1e-3)
    assert (found["seed"], found["bf16"], found["use_cpu"]) == (7, False, True)


def test_adapters_are_asked_for_by_their_rank() -> None:
    assert lora_of(Passes(), "CAUSAL_LM") is None
    found = lora_of(Passes(lora_rank=4), "CAUSAL_LM")
    assert (found.r, found.lora_alpha) == (4, 8)


def test_the_rate_is_the_one_given_and_ten_times_the_usual_for_adapters() -> None:
    assert PreferenceConfig(pair_lr=2e-5).rate == 2e-5
    assert PreferenceConfig(passes=Passes(lora_rank=4)).rate == 1e-3
    for kind, usual in ((Sft, 5e-4), (Dpo, 1e-4)):
        assert kind(Tuning("a", Path("b"))).rate == usual
        assert kind(Tuning("a", Path("b"), passes=Passes(lora_rank=2))).rate == 10 * usual
        assert kind(Tuning("a", Path("b")), lr=0.01).rate == 0.01
