"""SFT and DPO of a policy through TRL, on the very ids that a session samples and learns.

The texts are encoded here and not by TRL: it would put `[SEP]` behind a Chinese prompt, and in the
place of an end that the tokeniser does not name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from hitl.atomic import whole_folder
from hitl.config.offline import Dpo, Sft, Tuning
from hitl.data.ranked import Ranked, pairs
from hitl.data.writings import Writing
from hitl.learn import offline
from hitl.learn.build import OTHER_POLICIES
from hitl.learn.hub import loading
from hitl.learn.offline import NO_HELDOUT, NO_PAIRS, NO_TRAIN, Report, Row
from hitl.learn.policy import Loaded, load_model
from hitl.learn.scratch import same_data
from hitl.learn.tokens import Codec
from hitl.models import check_use
from hitl.plots import Line, Panel, draw


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What was written where, and the loss on what was not learned from."""

    out: Path
    rows: int
    """Texts, or pairs, learned from."""
    loss_before: float
    """Nats a token of SFT; DPO's own loss, log 2 before the first step."""
    loss_after: float
    accuracy: float | None = None
    """Of DPO: share of held-out pairs whose better text gained more than the worse one."""


def train_sft(
    command: Sft, source: Path | str, texts: Iterable[Writing], report: Report | None = None
) -> TuningResult:
    """Teaches the policy at `source` to write `texts`. Raises UsageError when there are too few, or
    an OUT already."""
    tuning = command.tuning
    with offline.silence(), offline.workplace(tuning.out, _job(command, source)) as work:
        loaded = _load(source)
        ids = _writing_rows(loaded.codec, texts, tuning.max_tokens)
        rows = offline.table(ids, work, "texts", "texts to learn from")
        same_data(work, rows)
        train, check = offline.split(rows, tuning.passes.heldout, tuning.seed, "texts")
        args = SFTConfig(
            **_arguments(tuning, work, len(train), command.batch_size, command.rate),
            max_length=None,  # cut already
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        trainer = SFTTrainer(
            model=loaded.model,
            args=args,
            train_dataset=train,
            eval_dataset=check,
            processing_class=loaded.codec.tokenizer,
            peft_config=offline.lora_of(tuning.passes, "CAUSAL_LM"),
        )
        return _run(trainer, loaded, tuning, work, len(train), report, ())


def train_dpo(
    command: Dpo, source: Path | str, rankings: Iterable[Ranked], report: Report | None = None
) -> TuningResult:
    """Teaches the policy at `source` what was found better than what. Raises UsageError when there
    are too few lists, or an OUT already."""
    tuning = command.tuning
    with offline.silence(), offline.workplace(tuning.out, _job(command, source)) as work:
        loaded = _load(source)
        lists = offline.table(_list_rows(rankings), work, "lists", NO_PAIRS)
        same_data(work, lists)
        learned, heldout = offline.split(lists, tuning.passes.heldout, tuning.seed, "lists")
        codec, limit = loaded.codec, tuning.max_tokens
        train = offline.table(_pair_rows(codec, learned, limit), work, "train", NO_TRAIN)
        check = offline.table(_pair_rows(codec, heldout, limit), work, "heldout", NO_HELDOUT)
        args = DPOConfig(
            **_arguments(tuning, work, len(train), command.batch_size, command.rate),
            max_length=None,  # cut already
            beta=command.beta,
        )
        lora = offline.lora_of(tuning.passes, "CAUSAL_LM")
        trainer = _EncodedDPOTrainer(
            model=loaded.model,
            # It would load the policy again by a name that a folder here need not have; adapters
            # are simply turned off.
            ref_model=None if lora else _load(source).model,
            args=args,
            train_dataset=train,
            eval_dataset=check,
            processing_class=codec.tokenizer,
            peft_config=lora,
        )
        return _run(trainer, loaded, tuning, work, len(train), report, ("rewards/accuracies",))


class _EncodedDPOTrainer(DPOTrainer):
    """Takes ids as they are; TRL has no option for that here, as its other trainers do."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset


def encode(
    codec: Codec, prompt: str, texts: Iterable[tuple[str, bool]], limit: int
) -> tuple[list[int], list[list[int]]]:
    """Ids of a prompt, cut from the left, and of each (text, ended) behind it: together at most
    `limit` tokens, or what the policy takes. The end token stands behind a text that has ended."""
    limit = min(limit, codec.context)
    ids = []
    for text, ended in texts:
        with_end = codec.encode_completion(text, 1 << 30)
        ids.append(list(with_end if ended else with_end[:-1])[: limit - 1])
    longest = max(len(one) for one in ids)
    return list(codec.encode_prompt(prompt, codec.context - limit + longest)), ids


def _writing_rows(codec: Codec, texts: Iterable[Writing], limit: int) -> Iterator[Row]:
    for one in texts:
        prompt, [ids] = encode(codec, one.prompt, [(one.text, one.ended)], limit)
        yield {"input_ids": prompt + ids, "labels": [-100] * len(prompt) + ids}


def _list_rows(rankings: Iterable[Ranked]) -> Iterator[Row]:
    for one in rankings:
        if any(pairs(one.tiers)):
            ended = [text for tier in one.tiers for text in tier if one.ends(text)]
            yield {"prompt": one.prompt, "tiers": one.tiers, "ended": ended}


def _pair_rows(codec: Codec, lists: Any, limit: int) -> Iterator[Row]:
    for row in lists:
        ended = set(row["ended"])
        for better, worse in pairs(tuple(tuple(tier) for tier in row["tiers"])):
            both = [(better, better in ended), (worse, worse in ended)]
            prompt, [chosen, rejected] = encode(codec, row["prompt"], both, limit)
            if chosen != rejected:  # cut, two texts may be one
                yield {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}


@dataclass(frozen=True, slots=True)
class _Job:
    """All that decides what comes out."""

    command: Sft | Dpo
    source: str


def _job(command: Sft | Dpo, source: Path | str) -> _Job:
    # How the figures are told decides nothing.
    tuning = replace(command.tuning, json=False)
    return _Job(replace(command, tuning=tuning), str(source))


def _load(source: Path | str) -> Loaded:
    with loading("policy", source, OTHER_POLICIES):
        loaded = load_model(source, torch.device("cpu"))
    check_use(str(source), loaded.model.config.architectures or (), "policy")
    return loaded


def _arguments(tuning: Tuning, work: Path, rows: int, batch_size: int, lr: float) -> Row:
    return offline.arguments(
        tuning.passes,
        work,
        rows=rows,
        batch_size=batch_size,
        lr=lr,
        precision=tuning.precision,
        device=tuning.device,
        seed=tuning.seed,
    )


def _run(
    trainer: Any,
    loaded: Loaded,
    tuning: Tuning,
    work: Path,
    rows: int,
    report: Report | None,
    names: tuple[str, ...],
) -> TuningResult:
    before = offline.run(trainer, work, report, ("loss", *names))
    after = trainer.evaluate()
    losses = (
        Line("train", *offline.curve(trainer, "loss")),
        Line("held out", *offline.curve(trainer, "eval_loss")),
    )
    with whole_folder(tuning.out) as folder:
        offline.save(trainer.model, loaded.codec.tokenizer, folder)
        draw(folder / "curve.png", (Panel("loss", "step", losses),))
    accuracy = [after[f"eval_{name}"] for name in names]
    return TuningResult(tuning.out, rows, before["eval_loss"], after["eval_loss"], *accuracy)
