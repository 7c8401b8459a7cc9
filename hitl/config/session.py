"""Options of a training session: the one source of every name, unit and default."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Literal

from hitl.config.checks import at_least, learning_rate
from hitl.config.ppo import PPOConfig, preset
from hitl.errors import UsageError
from hitl.records import StepOptions
from hitl.scale import Scale

MOST_CANDIDATES = 64
"""Written for one group, where not more are judged: they are sampled side by side."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a run is made of, next to its base policy and its journal."""

    policy: str | None = None
    """Policy to teach: a folder, a name in ./checkpoints, a shipped name (tiny-zh, tiny-en) or a
    hub id. Default: the shipped policy of --lang."""
    lang: Literal["auto", "zh", "en"] = "auto"
    """Language of the shipped policy and prompts. auto: that of a shipped model which is named,
    else of the locale."""
    mode: Literal["score", "rank", "pair"] = "score"
    """How groups are judged."""
    prompts: str | None = None
    """Prompt file, UTF-8, one a line; or a data set of texts: .csv, .tsv or .jsonl with a column
    text, or the folder aclImdb. Default: the shipped prompts of --lang."""
    group_size: int = 4
    """Completions of one prompt that are judged together."""
    candidates: int | None = None
    """Completions written for each group, of which those that differ most are judged: more is
    learned from as many labels, for a longer wait. Default: three times as many as are judged by
    a small policy (weights of 80 MB or less), else no more."""
    batch_size: int = 16
    """Labels an update learns from."""
    scale: str = "1-5"
    """Scores allowed: 1-5, 0-10, -1..1, -2..2 or LOW..HIGH."""
    max_new_tokens: int = 32
    """Longest completion, tokens."""
    query_tokens: str | None = None
    """LOW-HIGH, such as 2-8: of each prompt only its first tokens are given, as many as a random
    number from LOW to HIGH. Default: the whole prompt."""
    answer_tokens: str | None = None
    """LOW-HIGH, such as 4-16: each completion is cut at a random length from LOW to HIGH tokens.
    Default: none is cut before --max-new-tokens."""
    temperature: float = 1.0
    """Sampling temperature; 1 samples from the policy itself."""
    top_k: int = 0
    """Sample from the k most likely tokens only; 0 from all."""
    top_p: float = 1.0
    """Sample from the most likely tokens that hold this probability; 1 from all."""
    preset: Literal["human", "trl-classic"] = "human"
    """Options of the PPO step: made for a person's small batches, or TRL 0.11's."""
    lr: float | None = None
    """Learning rate of the first update; default: the preset's. The human preset lets it fall with
    the square root of labels, but for adapters."""
    lr_decay: float | None = None
    """Labels after which the learning rate has fallen to 1/√2 of --lr; 0: it stays. Default: the
    preset's."""
    target_kl: float | None = None
    """KL to the reference to stay near, nats a sequence; default: the preset's."""
    warmup: int = 0
    """Updates over which the learning rate rises to --lr; 0 begins with it."""
    early_stopping: bool = False
    """No further pass over a batch once its own log-probabilities have moved by more than 1.5 times
    --early-stop-kl."""
    early_stop_kl: float | None = None
    """See --early-stopping, nats a token; default: the preset's, 1."""
    gradient_checkpointing: bool = False
    """Less memory for about a third more time in an update: what lies between the layers is
    computed again on the way back. The result is the same."""
    amplify: Literal["auto", "off", "on"] = "auto"
    """Learn more from the same labels: after each update the policy writes on by itself while you
    read, and a reward model of all labels so far judges it. It is asked only if it orders labels it
    was not fitted to well; your own labels stay as they are. auto: on for a small policy (weights
    of 80 MB or less) with --preset human."""
    lora: bool = False
    """Train low-rank adapters and leave the policy's own weights alone: less memory, and no second
    copy for the reference. Checkpoints hold the merged policy."""
    lora_rank: int = 16
    """Rank of the adapters."""
    lora_alpha: int = 32
    """Their outputs are multiplied by this over the rank."""
    lora_targets: str = "all-linear"
    """Layers to adapt: all-linear (all but the head), or names such as q_proj,v_proj."""
    dtype: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of the policy's products; weights and losses are fp32 always. auto: fp32, but
    bf16 for a policy of 500 million parameters or more on a GPU that has it."""
    device: str = "auto"
    """Where the policy lives: auto, cpu, cuda, cuda:1 …"""
    threads: int | None = None
    """CPU threads of the policy; a run repeats bit for bit with the same number. Default: the
    processors of the machine it begins on."""
    trust_remote_code: bool = False
    """Run the Python code that comes with the policy, where it asks for that. Such code can do
    whatever you can."""
    seed: int = 1
    """Seed of everything random in the run."""
    operator_name: str = "operator"
    """Name of the person who judges, for the journal."""
    label_only: bool = False
    """Judge without training: no update is made, and the rank lists are written on leaving."""
    ahead: int = 3
    """Groups sampled ahead while one is judged at a terminal; 0 waits for each. A pipe and a
    simulation always wait, and repeat bit for bit."""
    keep: int = 2
    """Checkpoints kept, the newest; at least 2."""
    save_steps: int = 1
    """Updates from one checkpoint to the next; the last is always saved on leaving. After a crash,
    updates without one are made again from the journal."""

    def __post_init__(self) -> None:
        Scale.parse(self.scale)
        at_least("--group-size", self.group_size, 2 if self.mode != "score" else 1)
        most = max(MOST_CANDIDATES, self.group_size)
        if self.candidates is not None and not self.group_size <= self.candidates <= most:
            raise UsageError(
                f"--candidates {self.candidates}: from --group-size, {self.group_size}, to {most}"
            )
        at_least("--batch-size", self.batch_size, 1)
        at_least("--max-new-tokens", self.max_new_tokens, 1)
        at_least("--ahead", self.ahead, 0)
        at_least("--top-k", self.top_k, 0)
        at_least("--keep", self.keep, 2)
        at_least("--lora-rank", self.lora_rank, 1)
        at_least("--lora-alpha", self.lora_alpha, 1)
        at_least("--warmup", self.warmup, 0)
        if self.lr_decay is not None and not 0 <= self.lr_decay < math.inf:
            raise UsageError(
                f"--lr-decay {self.lr_decay:g}: give a number of labels, or 0 for none"
            )
        at_least("--save-steps", self.save_steps, 1)
        for option, given in (("--query-tokens", self.query_lengths),
                              ("--answer-tokens", self.answer_lengths)):  # fmt: skip
            if given is not None and not 1 <= given[0] <= given[1]:
                raise UsageError(f"{option}: give LOW-HIGH from 1, such as 4-16")
        if self.answer_lengths is not None and self.answer_lengths[1] > self.max_new_tokens:
            raise UsageError(
                f"--answer-tokens {self.answer_tokens} goes beyond --max-new-tokens "
                f"{self.max_new_tokens}: raise that"
            )
        if self.threads is not None:
            at_least("--threads", self.threads, 1)
        if self.mode == "pair" and self.group_size != 2:
            raise UsageError("--mode pair judges two completions: add --group-size 2")
        if self.mode == "rank" and self.group_size > 9:
            raise UsageError("--group-size: at most 9 completions can be ranked with digit keys")
        if self.amplify == "on" and self.preset == "trl-classic":
            raise UsageError("--amplify is made for --preset human: leave one of the two out")
        if not 0 < self.temperature < math.inf:
            raise UsageError(f"--temperature {self.temperature:g} must be above 0")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"--top-p {self.top_p:g} must be above 0 and at most 1")
        learning_rate("--lr", self.lr)
        if self.target_kl is not None and not 0 < self.target_kl < math.inf:
            raise UsageError(f"--target-kl {self.target_kl:g} must be above 0")
        if self.early_stop_kl is not None and not 0 < self.early_stop_kl < math.inf:
            raise UsageError(f"--early-stop-kl {self.early_stop_kl:g} must be above 0")

    @property
    def query_lengths(self) -> tuple[int, int] | None:
        """Fewest and most tokens of a prompt that are given; None: all are."""
        return _lengths("--query-tokens", self.query_tokens)

    @property
    def answer_lengths(self) -> tuple[int, int] | None:
        """Fewest and most tokens at which a completion is cut; None: none is cut early."""
        return _lengths("--answer-tokens", self.answer_tokens)

    @property
    def base_policy(self) -> str:
        """Name of the policy the run starts from."""
        return self.policy if self.policy is not None else f"tiny-{self.lang}"

    @property
    def ppo(self) -> PPOConfig:
        """The options of the PPO step: the preset, and what was asked for over it."""
        ppo = preset(self.preset)
        usual, decay = (ppo.lora_lr, None) if self.lora else (ppo.lr, ppo.lr_decay)
        return dataclasses.replace(
            ppo,
            lr=usual if self.lr is None else self.lr,
            lr_decay=decay if self.lr_decay is None else self.lr_decay or None,
            target_kl=ppo.target_kl if self.target_kl is None else self.target_kl,
            early_stopping=self.early_stopping or ppo.early_stopping,
            early_stop_kl=ppo.early_stop_kl if self.early_stop_kl is None else self.early_stop_kl,
        )

    @property
    def step_options(self) -> StepOptions:
        """What updates are made with until the operator changes it."""
        return StepOptions(self.ppo.lr, self.ppo.target_kl, self.ppo.lr_decay)


def _lengths(option: str, text: str | None) -> tuple[int, int] | None:
    """2-8 is (2, 8). Raises UsageError for what is no range."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})-(\d{1,6})", text.strip())
    if found is None:
        raise UsageError(f"{option} {text!r} is no range: give LOW-HIGH, such as 4-16")
    return int(found[1]), int(found[2])
