"""What the two trainings from scratch share: batches of equal size, the Trainer's options, saving.

Shapes: B texts of T tokens.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import logging

from hitl.atomic import atomic_write, whole_folder
from hitl.errors import UsageError
from hitl.learn.muon import MuonAdamW
from hitl.learn.precision import use_bf16

Row = dict[str, Any]
Collate = Callable[[Sequence[Row]], dict[str, Tensor]]
Report = Callable[[str], None]


class TrainConfig(Protocol):
    """The options both trainings have."""

    @property
    def optimizer(self) -> Literal["muon", "adamw"]: ...
    @property
    def batch_tokens(self) -> int: ...
    @property
    def warmup_steps(self) -> int: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def precision(self) -> Literal["auto", "fp32", "bf16"]: ...
    @property
    def device(self) -> Literal["auto", "cpu"]: ...
    @property
    def seed(self) -> int: ...
    @property
    def save_every(self) -> int: ...
    @property
    def eval_every(self) -> int: ...


class TokenBatches(Sampler[list[int]]):
    """Batches of texts of like length whose padded size stays below ``batch_tokens``.

    Which ranks of length make up a batch is fixed, so every epoch has as many batches as the
    others; which text of about that length gets the rank, and the order of the batches, change
    with the epoch.
    """

    def __init__(self, lengths: Sequence[int], batch_tokens: int, seed: int) -> None:
        self.lengths = torch.tensor(lengths, dtype=torch.float)
        self.seed = seed
        self.epoch = 0
        self.cuts: list[tuple[int, int]] = []
        start = 0
        ranked = sorted(lengths)
        for rank, length in enumerate(ranked):
            if rank > start and (rank - start + 1) * length > batch_tokens:
                self.cuts.append((start, rank))
                start = rank
        self.cuts.append((start, len(ranked)))

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.cuts)

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        noise = torch.rand(len(self.lengths), generator=generator)
        order = torch.argsort(self.lengths * (0.9 + 0.2 * noise) + noise).tolist()
        for i in torch.randperm(len(self.cuts), generator=generator).tolist():
            yield order[slice(*self.cuts[i])]


class ScratchTrainer(Trainer):
    """Trainer over TokenBatches; ``measure`` gives the figures on held-out texts."""

    def __init__(
        self,
        model: torch.nn.Module,
        blocks: torch.nn.Module,
        rows: Sequence[Row],
        lengths: Sequence[int],
        collate: Collate,
        config: TrainConfig,
        work: Path,
        *,
        steps: int,
        lr: float,
        measure: Callable[[], dict[str, float]],
        report: Report | None,
    ) -> None:
        self.lengths = lengths
        self.collate = collate
        self.measure = measure
        self.batch_tokens = config.batch_tokens
        optimizer = None
        if config.optimizer == "muon":
            optimizer = MuonAdamW.split(model, blocks, lr, config.weight_decay)
        super().__init__(
            model=model,
            args=_arguments(config, work, steps, lr),
            train_dataset=rows,
            eval_dataset=[],
            optimizers=(optimizer, None),
        )
        self.remove_callback(PrinterCallback)
        if report is not None:
            self.add_callback(_ReportCallback(report, steps))

    def get_train_dataloader(self) -> DataLoader[Any]:
        batches = TokenBatches(self.lengths, self.batch_tokens, self.args.seed)
        rows: Any = self.train_dataset
        loader: Any = DataLoader(rows, batch_sampler=batches, collate_fn=self.collate)
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics = {f"eval_{name}": value for name, value in self.measure().items()}
        self.log(metrics)
        return metrics


class _ReportCallback(TrainerCallback):
    def __init__(self, report: Report, steps: int) -> None:
        self.report = report
        self.steps = steps

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        shown = {
            name.removeprefix("eval_"): value
            for name, value in (logs or {}).items()
            if name == "loss" or name.startswith("eval_")
        }
        if shown:
            figures = "  ".join(f"{name} {float(value):.3f}" for name, value in shown.items())
            self.report(f"step {state.global_step}/{self.steps}  {figures}")


def run(trainer: ScratchTrainer, work: Path) -> float:
    """Train, or go on from the newest checkpoint in ``work``; the mean training loss."""
    outcome = trainer.train(resume_from_checkpoint=resumable(work))
    return outcome.training_loss


def resumable(work: Path) -> bool:
    """Whether a checkpoint in ``work`` can be gone on from. One that was not finished when the
    training was stopped is removed: the Trainer would take it for the newest and fail."""
    checkpoints = list(work.glob("checkpoint-*"))
    torn = [folder for folder in checkpoints if not _is_whole(folder)]
    for folder in torn:
        shutil.rmtree(folder)
    return len(torn) < len(checkpoints)


def _is_whole(checkpoint: Path) -> bool:
    try:
        # What the Trainer writes last.
        json.loads((checkpoint / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _arguments(config: TrainConfig, work: Path, steps: int, lr: float) -> TrainingArguments:
    # Everything the Trainer would print or write beside its checkpoints is off.
    return TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        learning_rate=lr,
        lr_scheduler_type="cosine",
        warmup_steps=min(config.warmup_steps, steps),
        weight_decay=config.weight_decay,
        adam_beta2=0.95,
        bf16=use_bf16(config.precision, config.device),
        use_cpu=config.device == "cpu" or not torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=config.eval_every,
        save_steps=config.save_every,
        save_total_limit=2,
        logging_steps=min(50, config.eval_every),
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        seed=config.seed,
    )


def autocast(device: torch.device) -> torch.autocast:
    """bf16 for a forward pass on ``device`` where that is native, else no change."""
    enabled = use_bf16("auto", "cpu" if device.type == "cpu" else "auto")
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def prepare_work(out: Path, config: Any) -> Path:
    """``OUT.training``, fresh or left by an interrupted run with the very same options.

    Raises UsageError if it was left by a run with others, or cannot be written, or if ``out``
    is taken.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already: another --out, or remove it")
    work = out.with_name(out.name + ".training")
    options = json.dumps(asdict(config), default=str, indent=1, sort_keys=True)
    note = work / "options.json"
    if note.exists() and note.read_text(encoding="utf-8") != options:
        raise UsageError(
            f"{work} holds an unfinished run with other options: repeat its command to finish it, "
            "or delete the folder"
        )
    try:
        work.mkdir(parents=True, exist_ok=True)
        atomic_write(note, options)
    except OSError as error:
        raise UsageError(
            f"--out {out}: {work} cannot be written ({error.strerror}), give another"
        ) from error
    return work


def same_data(work: Path, rows: Iterable[Any]) -> None:
    """Keeps a hash of what is learned from (anything JSON can say, in order) in ``work``.

    Raises UsageError when an interrupted run began with other rows: half of a training on each
    would be no training on either, and its figures of texts before and after would be of two kinds.
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    note = work / "data.sha256"
    if not note.exists():
        atomic_write(note, digest.hexdigest())
    elif note.read_text(encoding="utf-8") != digest.hexdigest():
        raise UsageError(
            f"{work} holds an unfinished run on other data: repeat its command with the data of "
            "then to finish it, or delete the folder"
        )


def save_fp16(model: Any, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Write model and tokeniser to ``out`` in fp16; the model in memory stays as it is."""
    copy.deepcopy(model).to("cpu", torch.float16).save_pretrained(out)
    # safetensors makes its files private; a shipped model is for everyone.
    (out / "model.safetensors").chmod(0o644)
    # Cutting and padding are the reader's choice, not a property of the tokeniser.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    # Nor is where it was read from.
    for name in ("is_local", "local_files_only"):
        tokenizer.init_kwargs.pop(name, None)
    tokenizer.save_pretrained(out)


def tokenizer_for(work: Path, make: Callable[[], Any]) -> Any:
    """The tokeniser an interrupted run left in ``work``, else a new one, left there.

    Learning a vocabulary is not exactly repeatable (ties), and checkpoints mean its very ids.
    """
    left = work / "tokenizer"
    if left.exists():
        return AutoTokenizer.from_pretrained(left)
    tokenizer = make()
    with whole_folder(left) as folder:
        tokenizer.save_pretrained(folder)
    return tokenizer


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' advice and bars while our own code calls it as it means to."""
    transformers_logging: Any = logging
    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
