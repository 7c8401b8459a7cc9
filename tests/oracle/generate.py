"""Computes the oracle numbers of `data/` with TRL 0.11.4, the last release with `PPOTrainer.step`.

Run by hand, in an environment of its own (TRL 0.11.4 does not work with the transformers that hitl
uses), from the repository root:

    python -m venv VENV
    VENV/bin/pip install torch==2.13.0
    VENV/bin/pip install transformers==4.57.6 trl==0.11.4 accelerate==1.15.0 datasets==5.0.1 \\
        numpy==2.4.6 tokenizers==0.22.2 safetensors==0.8.0 rich==15.0.0
    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE VENV/bin/python tests/oracle/generate.py

TRL is called, never copied: a subclass looks over its shoulder and writes down what passes.
Layout of what is written: README.md next to this file. Reading it back: `cases.py`.
"""
# mypy: ignore-errors
# (typed against packages that the development environment must not have)

import copy
import json
import os
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the numbers are those of the CPU kernels
os.environ["ACCELERATE_USE_CPU"] = "true"

import numpy as np
import torch
from safetensors.numpy import save_file
from specs import SPECS, Spec
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer
from trl.trainer.utils import RunningMoments

DATA = Path(__file__).parent / "data"
VOCAB, PAD = 37, 0
BATCH = 8

# Some two thousand weights: small enough to store. initializer_range is far above GPT-2's .02, else
# a random policy is uniform and teaches nothing.
GPT2 = {
    "vocab_size": VOCAB,
    "n_positions": 24,
    "n_embd": 8,
    "n_layer": 2,
    "n_head": 2,
    "initializer_range": 0.3,
    "bos_token_id": PAD,
    "eos_token_id": PAD,
    "pad_token_id": PAD,
}
NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}

# Scalars that `step` returns (means over all mini-batches of all epochs for `ppo/...` losses).
STEP_STATS = (
    "objective/kl",
    "objective/kl_coef",
    "objective/entropy",
    "ppo/mean_non_score_reward",
    "ppo/mean_scores",
    "ppo/std_scores",
    "ppo/loss/policy",
    "ppo/loss/value",
    "ppo/loss/total",
    "ppo/policy/entropy",
    "ppo/policy/approxkl",
    "ppo/policy/policykl",
    "ppo/policy/clipfrac",
    "ppo/policy/advantages_mean",
    "ppo/returns/mean",
    "ppo/returns/var",
    "ppo/val/vpred",
    "ppo/val/error",
    "ppo/val/clipfrac",
    "ppo/val/mean",
    "ppo/val/var",
    "ppo/val/var_explained",
)
# The same for each mini-batch; `policy/ratio_mean` is the masked mean that meets ratio_threshold.
MINIBATCH_STATS = (
    "loss/policy",
    "loss/value",
    "loss/total",
    "policy/entropy",
    "policy/approxkl",
    "policy/policykl",
    "policy/clipfrac",
    "policy/ratio_mean",
    "val/vpred",
    "val/clipfrac",
)

# The options of PPOConfig that reach `step`; stored with each case, defaults included.
PPO_OPTIONS = (
    "init_kl_coef",
    "adap_kl_ctrl",
    "kl_penalty",
    "target",
    "horizon",
    "gamma",
    "lam",
    "cliprange",
    "cliprange_value",
    "vf_coef",
    "batch_size",
    "mini_batch_size",
    "gradient_accumulation_steps",
    "ppo_epochs",
    "max_grad_norm",
    "early_stopping",
    "target_kl",
    "ratio_threshold",
    "use_score_scaling",
    "use_score_norm",
    "score_clip",
    "whiten_rewards",
)


class TensorMoments(RunningMoments):
    """TRL's running moments, with tensors where its `step` expects tensors (see Spec.patched)."""

    def update(self, xs: torch.Tensor) -> tuple[float, float]:
        self.mean, self.std = float(self.mean), float(self.std)
        result = super().update(xs)
        self.mean, self.std = torch.tensor(self.mean), torch.tensor(self.std)
        return result


class Recorder(PPOTrainer):
    """TRL's trainer; keeps a copy of what its own methods are given and give back."""

    def start(self) -> None:
        self.tokens: dict[str, torch.Tensor] = {}
        self.minibatches: list[list[float]] = []

    def compute_rewards(self, scores, logprobs, ref_logprobs, masks):
        rewards, non_score, kls = super().compute_rewards(scores, logprobs, ref_logprobs, masks)
        self.tokens |= {"rewards": rewards, "non_score_rewards": non_score, "kls": kls}
        return rewards, non_score, kls

    def compute_advantages(self, values, rewards, mask):
        self.tokens["values"] = values  # as predicted: step goes on with values * mask
        result = super().compute_advantages(values, rewards, mask)
        self.tokens |= {"advantages": result[1], "returns": result[2]}
        return result

    def loss(self, *args):
        result = super().loss(*args)
        mask, stats = args[5], dict(result[2])
        stats["policy/ratio_mean"] = (stats["policy/ratio"] * mask).sum() / mask.sum()
        self.minibatches.append([float(stats[name]) for name in MINIBATCH_STATS])
        return result

    def record_step_stats(self, kl_coef, **data):
        # Not from compute_rewards: with `full` that one sees the whole vocabulary.
        self.tokens |= {k: data[k] for k in ("masks", "logprobs", "ref_logprobs")}
        return super().record_step_stats(kl_coef, **data)


def batches(seed: int, one_token: bool) -> list[dict[str, Any]]:
    """Eight batches of ragged queries and responses, sequences of 2 to 20 tokens.

    Ids include the padding id on purpose: the mask must come from lengths.
    """
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(8):
        query_lengths = rng.integers(1, 9, BATCH)
        response_lengths = rng.integers(2, 13, BATCH)
        if one_token:
            response_lengths[[0, 3, 4]] = 1
        result.append(
            {
                "queries": [rng.integers(0, VOCAB, n).tolist() for n in query_lengths],
                "responses": [rng.integers(0, VOCAB, n).tolist() for n in response_lengths],
                "scores": rng.normal(0.3, 1.5, BATCH).round(3).tolist(),
            }
        )
    return result


def models(dropout: bool) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Policy with value head, and a reference some noise away from it (so that KL is not 0)."""
    torch.manual_seed(7)
    config = GPT2Config(**GPT2, **({} if dropout else NO_DROPOUT))
    policy = AutoModelForCausalLMWithValueHead.from_pretrained(
        GPT2LMHeadModel(config), summary_dropout_prob=0.1 if dropout else 0.0
    )
    reference = copy.deepcopy(policy)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return policy, reference


def tokenizer() -> PreTrainedTokenizerFast:
    """TRL asks for one only to pad; padding stays on the right, where its masks are correct."""
    vocab = {"[PAD]" if i == PAD else f"t{i}": i for i in range(VOCAB)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(vocab, unk_token="[PAD]")),
        pad_token="[PAD]",
        padding_side="right",
    )


def flat(model: torch.nn.Module, grad: bool = False) -> np.ndarray:
    """All parameters (or gradients) as one vector, in the order of `layout`."""
    parts = [p.grad if grad else p.detach() for _, p in named(model)]
    return torch.cat([part.flatten() for part in parts]).numpy().copy()


def named(model: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    # lm_head is wte (tied), so named_parameters has it once, as wte.
    return [(n.removeprefix("pretrained_model."), p) for n, p in model.named_parameters()]


def layout(model: torch.nn.Module) -> list[list[Any]]:
    return [[name, list(parameter.shape)] for name, parameter in named(model)]


def run(spec: Spec, data: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """One case: its steps, as the JSON part and the arrays."""
    policy, reference = models(spec.dropout)
    options = {"batch_size": BATCH, "mini_batch_size": BATCH} | spec.ppo
    config = PPOConfig(seed=3, learning_rate=spec.lr, **options)
    optimizer = None  # TRL's default is Adam with learning_rate
    if spec.optimizer == "sgd":
        optimizer = torch.optim.SGD(policy.parameters(), lr=spec.lr)
    trainer = Recorder(config, policy, reference, tokenizer(), optimizer=optimizer)
    if spec.patched:
        trainer.running = TensorMoments(trainer.accelerator)

    arrays: dict[str, np.ndarray] = {}

    def keep_first_gradient(*_: object) -> None:
        if "gradient_first" not in arrays:
            arrays["gradient_first"] = flat(policy, grad=True)

    trainer.optimizer.optimizer.register_step_pre_hook(keep_first_gradient)

    steps, minibatches = [], []
    draw = np.random.permutation
    for number, batch in enumerate(data[: spec.steps]):
        permutations: list[list[int]] = []

        def permutation(n: int, drawn: list[list[int]] = permutations) -> np.ndarray:
            drawn.append(draw(n).tolist())
            return np.array(drawn[-1])

        trainer.start()
        with mock.patch.object(np.random, "permutation", permutation):
            stats = trainer.step(
                [torch.tensor(ids) for ids in batch["queries"]],
                [torch.tensor(ids) for ids in batch["responses"]],
                [torch.tensor(score) for score in batch["scores"]],
            )
        steps.append(
            {
                "permutations": permutations,
                "minibatches": len(trainer.minibatches),
                "kl_coef_after": float(trainer.kl_ctl.value),
                "stats": {name: float(np.asarray(stats[name]).item()) for name in STEP_STATS},
            }
        )
        minibatches += trainer.minibatches
        if number == 0:
            arrays |= {f"first/{k}": v.numpy().copy() for k, v in trainer.tokens.items()}
            arrays["first/masks"] = arrays["first/masks"].astype(np.uint8)
            arrays["parameters_first"] = flat(policy)
    arrays["parameters_last"] = flat(policy)
    arrays["minibatches"] = np.array(minibatches, np.float32)
    for name, array in arrays.items():
        assert np.isfinite(array).all(), (spec.name, name)

    case = {
        "name": spec.name,
        "note": spec.note,
        "batches": spec.batches,
        "dropout": 0.1 if spec.dropout else 0.0,
        "patched": spec.patched,
        "optimizer": {"name": spec.optimizer, "lr": spec.lr},
        "ppo": {name: getattr(config, name) for name in PPO_OPTIONS},
        "steps": steps,
    }
    return case, {f"{spec.name}/{key}": value for key, value in arrays.items()}


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    policy, reference = models(dropout=False)
    inputs = {"ragged": batches(11, one_token=False), "one_token": batches(12, one_token=True)}
    packages = ("torch", "transformers", "trl", "accelerate", "datasets", "numpy", "tokenizers")
    index: dict[str, Any] = {
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "model": GPT2,
        "layout": layout(policy),
        "minibatch_stats": MINIBATCH_STATS,
        "batches": inputs,
        "cases": [],
    }
    arrays = {"policy": flat(policy), "reference": flat(reference)}
    for spec in SPECS:
        case, of_case = run(spec, inputs[spec.batches])
        index["cases"].append(case)
        arrays |= of_case
        epochs = [len(step["permutations"]) for step in case["steps"]]
        print(f"{spec.name:20} epochs {epochs}")

    DATA.mkdir(exist_ok=True)
    save_file(arrays, DATA / "oracle.safetensors")
    # One case a line: small, and a diff still says which case has changed.
    cases = ",\n".join(json.dumps(case) for case in index.pop("cases"))
    head = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in index.items())
    text = f'{{\n{head},\n"cases": [\n{cases}\n]\n}}\n'
    (DATA / "oracle.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
