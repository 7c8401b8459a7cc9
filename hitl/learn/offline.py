"""What the trainings through TRL share: silence, options, progress, the split, and saving."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import ProgressCallback, TrainerCallback
from transformers.trainer_callback import PrinterCallback

from hitl.atomic import atomic_write
from hitl.config.offline import Passes
from hitl.errors import HitlError, UsageError
from hitl.learn.precision import use_bf16
from hitl.learn.scratch import prepare_work, quiet, resumable

Row = dict[str, Any]
Report = Callable[[str], None]
LEAST_HELDOUT = 8
EVALUATIONS = 10
"""Figures on the held-out part in one training."""

NO_PAIRS = "pairs of different texts to learn from"
NO_TRAIN = "pairs to learn from that differ within --max-tokens"
NO_HELDOUT = "held-out pairs that differ within --max-tokens"
"""What may be missing, see `table`."""


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Advice of the libraries to those who call them is no news to whoever types a command."""
    from datasets.utils.logging import disable_progress_bar, enable_progress_bar

    loggers = [logging.getLogger(name) for name in ("trl", "peft", "accelerate", "datasets")]
    levels = [logger.level for logger in loggers]
    disable_progress_bar()
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            enable_progress_bar()


@contextlib.contextmanager
def workplace(out: Path, job: Any) -> Iterator[Path]:
    """`OUT.training` of a dataclass of options, gone at the end; what was interrupted after its
    first checkpoint stays, to be gone on with. Raises UsageError as `prepare_work` does."""
    work = prepare_work(out, job)
    try:
        yield work
    except BaseException:
        if not any(work.rglob("checkpoint-*")):
            shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work)


def arguments(
    passes: Passes,
    work: Path,
    *,
    rows: int,
    batch_size: int,
    lr: float,
    precision: str,
    device: str,
    seed: int,
) -> dict[str, Any]:
    """Options for the Config of any of TRL's trainers, for `rows` rows in the training part."""
    steps = max(1, round(rows / batch_size * passes.epochs))
    every = max(1, steps // EVALUATIONS)
    return {
        "output_dir": str(work),
        "max_steps": steps,
        "per_device_train_batch_size": batch_size,
        "per_device_eval_batch_size": batch_size,
        "learning_rate": lr,
        "lr_scheduler_type": "cosine",
        "warmup_steps": round(steps * passes.warmup),
        "max_grad_norm": 1.0,
        "bf16": use_bf16(precision, device),
        "use_cpu": device == "cpu" or not torch.cuda.is_available(),
        "gradient_checkpointing": passes.gradient_checkpointing,
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        "logging_steps": max(1, every // 2),
        "logging_first_step": True,
        "disable_tqdm": True,
        "report_to": "none",
        "dataloader_pin_memory": False,
        "seed": seed,
        "optim": "adamw_torch_fused",
    }


def lora_of(passes: Passes, task: str) -> Any:
    """The adapters that were asked for; None for none. `task` is peft's name of the kind."""
    if not passes.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=passes.lora_rank, lora_alpha=2 * passes.lora_rank, lora_dropout=0.0, task_type=task
    )


def table(rows: Iterable[Row], work: Path, name: str, what: str) -> Any:
    """A datasets.Dataset of `rows`, on disk below `work`: memory holds a thousand at a time.

    Raises HitlError when there is no row; `what` tells what there is none of.
    """
    from datasets import Dataset
    from datasets.exceptions import DatasetGenerationError

    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    rest = iter(rows)
    first = next(rest, None)
    if first is None:  # datasets takes no rows for an error of its own
        raise HitlError(f"there are no {what} in the data: give some more")
    fault: list[BaseException] = []

    def each() -> Iterator[Row]:
        try:
            yield first
            yield from rest
        except BaseException as error:  # datasets would hide it in one of its own
            fault.append(error)
            raise

    try:
        return Dataset.from_generator(each, cache_dir=str(folder), fingerprint=name)
    except (DatasetGenerationError, ValueError):
        if fault:
            raise fault[0] from None
        raise


def split(rows: Any, share: float | None, seed: int, what: str) -> tuple[Any, Any]:
    """(training part, held-out part) of a Dataset; `share` None as Passes says. Raises UsageError
    when it has fewer than two rows."""
    if len(rows) < 2:
        raise UsageError(f"the data holds {len(rows)} {what}: at least 2 are needed, one to check")
    count = heldout_count(len(rows), share)
    parts = rows.train_test_split(test_size=count, seed=seed, load_from_cache_file=False)
    return parts["train"], parts["test"]


def heldout_count(rows: int, share: float | None) -> int:
    """Rows not to learn from, of two or more. The pairs of three lists say nothing: by default
    there are LEAST_HELDOUT where those are no more than a third."""
    if share is None:
        least = LEAST_HELDOUT if rows >= 3 * LEAST_HELDOUT else 1
        return max(least, round(rows / 10))
    return min(max(1, round(rows * share)), rows - 1)


class Progress(TrainerCallback):
    """A line now and then: step, loss, and what was measured on the held-out part."""

    def __init__(self, report: Report, names: tuple[str, ...]) -> None:
        """`names`: the figures to tell, without "eval_"."""
        self._report = report
        self._names = names

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """See TrainerCallback."""
        given = logs or {}
        figures = [f"loss {given['loss']:.3f}"] if "loss" in given else []
        figures += [
            f"held-out {name} {given[f'eval_{name}']:.3f}"
            for name in self._names
            if f"eval_{name}" in given
        ]
        if figures:
            step = f"step {state.global_step}/{state.max_steps}" if state.max_steps else "before"
            self._report(f"{step}  {'  '.join(figures)}")


def run(trainer: Any, work: Path, report: Report | None, names: tuple[str, ...]) -> Row:
    """Trains, or goes on from the newest checkpoint in `work`, and leaves the best model in the
    trainer. Returns the held-out figures before the first step."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if report is not None:
        trainer.add_callback(Progress(report, names))
    note = work / "before.json"  # the Trainer's own history begins with the first step
    if not note.exists():
        atomic_write(note, json.dumps(trainer.evaluate()))
    trainer.train(resume_from_checkpoint=resumable(work))
    before: Row = json.loads(note.read_text(encoding="utf-8"))
    return before


def curve(trainer: Any, name: str) -> tuple[list[float], list[float]]:
    """(steps, values) of a figure in a trainer's history."""
    rows = [row for row in trainer.state.log_history if name in row]
    return [float(row["step"]) for row in rows], [float(row[name]) for row in rows]


def merged(model: Any) -> Any:
    """The model without adapters: they are added to a copy of its weights."""
    if not hasattr(model, "merge_and_unload"):
        return model
    return copy.deepcopy(model).merge_and_unload()


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes what from_pretrained reads, without adapters: safetensors and JSON, fp32."""
    merged(model).save_pretrained(folder)
    # safetensors makes its files private.
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)
    tokenizer.save_pretrained(folder)
