"""A reward model from what was found better than what: TRL's RewardTrainer on one-output heads.

The loss is −log σ(r(better) − r(worse)), over all pairs of a list that are of different tiers.
Lists, not pairs, are held out: of two pairs of one list, each would tell the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from hitl.agreement import Agreement, agreement, gaps_of
from hitl.atomic import whole_folder
from hitl.config.offline import PreferenceConfig
from hitl.config.reward import RewardTrainConfig
from hitl.data.ranked import Ranked, pairs
from hitl.learn import offline
from hitl.learn.heads import load_for_rewards
from hitl.learn.offline import NO_HELDOUT, NO_PAIRS, NO_TRAIN, Report, Row
from hitl.learn.scorers import logits_of
from hitl.learn.scratch import same_data
from hitl.plots import Line, Panel, draw


@dataclass(frozen=True, slots=True)
class RewardResult:
    """What was written where, and how well it agrees with lists it never saw."""

    out: Path
    lists: int
    """Lists learned from."""
    pairs: int
    before: Agreement
    """On the held-out lists, before the first step."""
    after: Agreement


def train_reward_model(
    config: RewardTrainConfig,
    options: PreferenceConfig,
    source: Path | str,
    rankings: Iterable[Ranked],
    report: Report | None = None,
) -> RewardResult:
    """Learns from `rankings`, starting from the model at `source`; writes the best model to
    `config.out`, the last to `config.out/last`, curves and figures beside them.

    Goes on from OUT.training when the same training was interrupted. Raises UsageError when there
    are too few lists, or an OUT already.
    """
    job = _Job(config, options, str(source))
    with offline.silence(), offline.workplace(config.out, job) as work:
        model, tokenizer = load_for_rewards(source, config.max_tokens, config.seed)
        tiers = (one.texts for one in rankings)
        useful = ({"tiers": one} for one in tiers if any(pairs(one)))
        lists = offline.table(useful, work, "lists", NO_PAIRS)
        same_data(work, lists)
        learned, heldout = offline.split(lists, options.passes.heldout, config.seed, "lists")
        train = offline.table(_encoded(learned, tokenizer), work, "train", NO_TRAIN)
        check = offline.table(_encoded(heldout, tokenizer), work, "heldout", NO_HELDOUT)
        before = _agreement(model, tokenizer, heldout)
        trainer = _trainer(config, options, work, model, tokenizer, train, check)
        offline.run(trainer, work, report, ("loss", "accuracy"))
        best = offline.merged(trainer.model)
        after = _agreement(best, tokenizer, heldout)
        result = RewardResult(config.out, len(learned), len(train), before, after)
        figures = {"lists": result.lists, "pairs": result.pairs,
                   "before": asdict(before), "after": asdict(after)}  # fmt: skip
        with whole_folder(config.out) as folder:
            offline.save(best, tokenizer, folder)
            _draw(trainer, _gaps(best, tokenizer, heldout), folder)
            _save_last(trainer, tokenizer, work, folder)
            (folder / "figures.json").write_text(json.dumps(figures, indent=1), "utf-8")
    return result


@dataclass(frozen=True, slots=True)
class _Job:
    """All that decides what comes out."""

    config: RewardTrainConfig
    options: PreferenceConfig
    source: str


def _trainer(
    config: RewardTrainConfig,
    options: PreferenceConfig,
    work: Path,
    model: Any,
    tokenizer: Any,
    train: Any,
    check: Any,
) -> RewardTrainer:
    args = offline.arguments(
        options.passes,
        work,
        rows=len(train),
        batch_size=options.pairs_per_step,
        lr=options.rate,
        precision=config.precision,
        device=config.device,
        seed=config.seed,
    )
    return RewardTrainer(
        model=model,
        args=RewardConfig(**args, max_length=None),  # cut already
        train_dataset=train,
        eval_dataset=check,
        processing_class=tokenizer,
        peft_config=offline.lora_of(options.passes, "SEQ_CLS"),
    )


def _encoded(lists: Any, tokenizer: Any) -> Iterator[Row]:
    """Token ids of every pair, as RewardTrainer's collator wants them."""
    for row in lists:
        ids = {
            text: tokenizer(text, truncation=True)["input_ids"]
            for tier in row["tiers"]
            for text in tier
        }
        for better, worse in pairs(tuple(tuple(tier) for tier in row["tiers"])):
            if ids[better] != ids[worse]:  # cut, two texts may be one
                yield {"chosen_ids": ids[better], "rejected_ids": ids[worse]}


def _scored(model: Any, tokenizer: Any, lists: Any) -> list[list[list[float]]]:
    """The tiers of each list with scores in place of texts."""
    training = model.training
    model.train(False)
    tiers = [row["tiers"] for row in lists]
    texts = [text for one in tiers for tier in one for text in tier]
    scores = iter(logits_of(model, tokenizer, texts).squeeze(-1).tolist())
    model.train(training)
    return [[[next(scores) for _ in tier] for tier in one] for one in tiers]


def _agreement(model: Any, tokenizer: Any, lists: Any) -> Agreement:
    return agreement(_scored(model, tokenizer, lists))


def _gaps(model: Any, tokenizer: Any, lists: Any) -> list[float]:
    return [gap for tiers in _scored(model, tokenizer, lists) for gap in gaps_of(tiers)]


def _save_last(trainer: Any, tokenizer: Any, work: Path, out: Path) -> None:
    """The model after the last step, which is not always the best."""
    newest = max(work.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    trainer._load_from_checkpoint(str(newest))  # full weights or adapters, as they were saved
    offline.save(trainer.model, tokenizer, out / "last")


def _draw(trainer: Any, gaps: list[float], out: Path) -> None:
    def line(name: str, key: str) -> Line:
        return Line(name, *offline.curve(trainer, key))

    draw(
        out / "curve.png",
        (
            Panel("loss", "step", (line("train", "loss"), line("held out", "eval_loss"))),
            Panel(
                "pairwise accuracy",
                "step",
                (line("train", "accuracy"), line("held out", "eval_accuracy")),
            ),
        ),
    )
    confidence, share = calibration(gaps)
    lines = (Line("held-out pairs", confidence, share),)
    draw(out / "calibration.png", (Panel("share right", "predicted share right", lines, True),))


def calibration(gaps: list[float], bins: int = 5) -> tuple[list[float], list[float]]:
    """(mean predicted, actual) share of right pairs, by how sure the model is: σ|r − r'| from .5
    to 1 in `bins` bins of equal width; empty ones are left out."""
    sure = [1 / (1 + math.exp(-min(abs(gap), 50.0))) for gap in gaps]
    predicted: list[float] = []
    actual: list[float] = []
    for place in range(bins):
        low, high = 0.5 + 0.5 * place / bins, 0.5 + 0.5 * (place + 1) / bins
        inside = [
            i for i, p in enumerate(sure) if low <= p < high or (place == bins - 1 and p >= high)
        ]
        if inside:
            predicted.append(sum(sure[i] for i in inside) / len(inside))
            actual.append(sum(gaps[i] > 0 for i in inside) / len(inside))
    return predicted, actual
