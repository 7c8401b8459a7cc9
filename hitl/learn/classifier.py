"""A classifier that scores how positive a text is: the shipped reward, and one's own.

It is a small BERT from scratch, or a policy with a head instead of its words (``config.init``),
which has read the language already. It learns from whole texts and from fragments of them, because
completions are fragments, and from soft labels (the share of people who called a text positive),
because a reward must be graded. A BERT can first guess masked tokens of the same texts for a while.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertTokenizer,
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from hitl.atomic import whole_folder
from hitl.config.reward import RewardTrainConfig
from hitl.corpora import CorpusError, Example, load_corpus
from hitl.errors import UsageError
from hitl.language import language_of
from hitl.learn.accuracy import NEGATIVE, POSITIVE, Figures, evaluate, tokenise
from hitl.learn.hub import OTHER_STARTS, loading, located
from hitl.learn.offline import curve
from hitl.learn.scratch import (
    Report,
    Row,
    ScratchTrainer,
    prepare_work,
    quiet,
    run,
    same_data,
    save_fp16,
    tokenizer_for,
)
from hitl.learn.tokenizers import bert_tokenizer
from hitl.plots import Line, Panel, draw
from hitl.scale import Scale

_DROPOUTS = ("resid_pdrop", "embd_pdrop", "hidden_dropout_prob", "dropout", "seq_classif_dropout")
"""What the families call the share that is dropped outside the attention, GPT-2's, BERT's and
DistilBERT's."""
HELDOUT_LOSS = "heldout_loss"
BEST = "best"
#: Held-out texts behind the figures during training; the final figures use all.
GLIMPSE = 400


@dataclass(frozen=True, slots=True)
class ClassifierResult:
    """What was written where, and how good it is on texts it never saw."""

    out: Path
    parameters: int
    texts: int
    """Texts learned from."""
    figures: Figures


def train_classifier(config: RewardTrainConfig, report: Report | None = None) -> ClassifierResult:
    """Train as configured, write the model folder, return its figures.

    Learns from one part of the corpus alone (``config.part``). ``report`` gets a line of progress
    now and then. Continues ``OUT.training`` if a run with the same options was interrupted.
    Raises CorpusError for data that cannot be used, UsageError for another run's unfinished
    folder, or when there is an OUT already.
    """
    examples = load_corpus(
        config.data,
        lexicon=config.lexicon,
        labels=Scale.parse(config.labels),
        bad_rows=config.bad_rows,
        tell=report or (lambda line: None),
    )
    if config.lang == "auto":
        config = replace(config, lang=language_of(e.text for e in examples))
    train = [e for e in examples if e.part == config.part and e.label is not None]
    heldout = [e for e in examples if e.part == "heldout" and e.label is not None]
    labels = [e.label for e in train if e.label is not None]
    if not labels or min(labels) >= 0.5 or max(labels) <= 0.5:
        raise CorpusError(
            f"{config.data} needs texts with a label below 0.5 (negative) and texts with one above "
            f"(positive), but "
            + (
                f"its {len(labels)} training texts with one are of one kind: add the other"
                if labels
                else "none of its training texts has one: add a column label"
            )
        )
    torch.manual_seed(config.seed)
    with quiet():
        if config.init is not None:
            with loading("model", config.init, OTHER_STARTS):
                tokenizer, model = _started(config, located(config.init))
        work = prepare_work(config.out, config)
        same_data(work, (asdict(example) for example in [*train, *heldout]))
        if config.init is None:
            texts = [e.text for e in train]
            tokenizer = tokenizer_for(
                work, lambda: bert_tokenizer(texts, config.vocab, config.max_tokens)
            )
            model = BertForSequenceClassification(_model_config(config, tokenizer))
            if config.mlm_steps:
                _guess_masked(model, tokenizer, train, config, work / "mlm", report)
        trainer = _learn_labels(
            model, tokenizer, train, heldout, config, work / "classifier", report
        )
        figures = evaluate(model, tokenizer, heldout)
        with whole_folder(config.out) as folder:
            save_fp16(model, tokenizer, folder)
            if trainer.best_step < config.steps:
                best = type(model).from_pretrained(trainer.best_folder, dtype=torch.float32)
                save_fp16(best, tokenizer, folder / BEST)
            _draw(trainer, figures, folder)
        shutil.rmtree(work)
    return ClassifierResult(config.out, model.num_parameters(), len(train), figures)


# --- training -----------------------------------------------------------------------------------


def _model_config(config: RewardTrainConfig, tokenizer: PreTrainedTokenizerBase) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=4 * config.width,
        max_position_embeddings=config.max_tokens,
        # BERT's .02 suits 768 wide; here it would leave [CLS] deaf to the words for long.
        initializer_range=config.width**-0.5,
        hidden_dropout_prob=config.dropout,
        # Dropout inside the attention would cost the fused kernel, twice the time of a step.
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
        id2label={NEGATIVE: "negative", POSITIVE: "positive"},
        label2id={"negative": NEGATIVE, "positive": POSITIVE},
    )


def _started(
    config: RewardTrainConfig, folder: Path | str
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokeniser and body of the model in ``folder``, with a new head, in fp32."""
    # No token types: GPT-2 would add them as embeddings.
    tokenizer = AutoTokenizer.from_pretrained(
        folder, model_input_names=["input_ids", "attention_mask"]
    )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if config.token_dropout and tokenizer.mask_token_id is None:
        raise UsageError(f"{folder} has no mask token to hide others behind: add --token-dropout 0")
    settings = AutoConfig.from_pretrained(folder)
    settings.id2label = {NEGATIVE: "negative", POSITIVE: "positive"}
    settings.label2id = {"negative": NEGATIVE, "positive": POSITIVE}
    settings.pad_token_id = tokenizer.pad_token_id
    for name in _DROPOUTS:
        if hasattr(settings, name):
            setattr(settings, name, config.dropout)
    if hasattr(settings, "use_cache"):
        settings.use_cache = False
    positions = getattr(settings, "max_position_embeddings", None) or config.max_tokens
    tokenizer.model_max_length = min(config.max_tokens, positions)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        folder,
        config=settings,
        dtype=torch.float32,
        use_safetensors=True,
        ignore_mismatched_sizes=True,  # a reward model has one output
    )
    return tokenizer, model


def _blocks(model: PreTrainedModel) -> torch.nn.Module:
    """The stack of transformer blocks, whatever the family calls it."""
    stacks = (m for m in model.base_model.modules() if isinstance(m, torch.nn.ModuleList))
    return next(stacks)


def _guess_masked(
    model: BertForSequenceClassification,
    tokenizer: BertTokenizer,
    train: Sequence[Example],
    config: RewardTrainConfig,
    work: Path,
    report: Report | None,
) -> None:
    """Leaves in ``model`` an encoder that has learnt to guess masked tokens."""
    done = work / "done"
    masked = BertForMaskedLM(model.config)
    if done.exists():
        masked = BertForMaskedLM.from_pretrained(done)
    else:
        ids = [tokenizer.encode(e.text, truncation=True) for e in train]
        collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.2)
        trainer = ScratchTrainer(
            masked,
            masked.bert.encoder,
            [{"input_ids": row} for row in ids],
            [len(row) for row in ids],
            collate,
            config,
            work,
            steps=config.mlm_steps,
            lr=config.mlm_lr,
            measure=dict,
            report=report,
        )
        run(trainer, work)
        with whole_folder(done) as folder:
            masked.save_pretrained(folder)
    # The classifier's pooler is its own: masked guessing has none.
    model.bert.load_state_dict(masked.bert.state_dict(), strict=False)


def _learn_labels(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Sequence[Example],
    heldout: Sequence[Example],
    config: RewardTrainConfig,
    work: Path,
    report: Report | None,
) -> _LabelTrainer:
    glimpse = heldout[:: max(1, len(heldout) // GLIMPSE)]

    def measure() -> dict[str, float]:
        figures = evaluate(model, tokenizer, glimpse)
        shares = {name: figures.accuracy[name].share for name in ("all", "fragments")}
        return {**shares, HELDOUT_LOSS: figures.loss}

    trainer = _LabelTrainer(
        model,
        _blocks(model),
        [{"text": e.text, "label": e.label} for e in train],
        [len(tokenizer.encode(e.text, truncation=True)) for e in train],
        _Fragments(tokenizer, config),
        config,
        work,
        steps=config.steps,
        lr=config.lr,
        measure=measure if glimpse else dict,
        report=report,
    )
    run(trainer, work)
    return trainer


class _LabelTrainer(ScratchTrainer):
    """Cross-entropy against the share of people who called the text positive. Keeps the model as it
    was when that was lowest on held-out texts."""

    @property
    def best_folder(self) -> Path:
        return Path(str(self.args.output_dir)) / BEST

    @property
    def best_step(self) -> int:
        """The last where nothing was measured."""
        key = f"eval_{HELDOUT_LOSS}"
        measured = [row for row in self.state.log_history if key in row]
        best = min(measured, key=lambda row: row[key], default={"step": self.state.max_steps})
        return int(best["step"])

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics = super().evaluate(*args, **kwargs)
        # What was measured after the checkpoint that an interrupted run goes on from is forgotten,
        # and so is the best of it: it comes again.
        if metrics and self.best_step == self.state.global_step:
            model: Any = self.model
            model.save_pretrained(self.best_folder)
        return metrics

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        positive = inputs.pop("share")  # (B,)
        outputs = model(**inputs)
        target = torch.stack([1 - positive, positive], dim=-1)  # (B, 2)
        loss = F.cross_entropy(outputs.logits.float(), target)
        return (loss, outputs) if return_outputs else loss


def _draw(trainer: _LabelTrainer, figures: Figures, out: Path) -> None:
    def line(name: str, key: str) -> Line:
        return Line(name, *curve(trainer, key))

    losses = (line("train", "loss"), line("held out", f"eval_{HELDOUT_LOSS}"))
    shares = (line("whole texts", "eval_all"), line("fragments", "eval_fragments"))
    draw(
        out / "curve.png",
        (Panel("loss", "step", losses), Panel("held-out accuracy", "step", shares)),
    )
    bins = figures.calibration
    alike = Line("held-out texts", [one.score for one in bins], [one.positive for one in bins])
    draw(out / "calibration.png", (Panel("share positive", "score", (alike,), True),))


class _Fragments:
    """Collator: some texts become fragments, some tokens [MASK], labels move towards one half.

    Draws from torch's global generator, which the Trainer seeds and restores.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, config: RewardTrainConfig) -> None:
        self.tokenizer = tokenizer
        self.config = config

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        config = self.config
        texts = [self._fragment(row["text"]) for row in rows]
        batch = dict(tokenise(texts, self.tokenizer))
        ids: Tensor = batch["input_ids"]
        special = torch.isin(ids, torch.tensor(self.tokenizer.all_special_ids))
        hidden = (torch.rand(ids.shape) < config.token_dropout) & ~special
        if config.token_dropout:
            batch["input_ids"] = ids.masked_fill(hidden, self.tokenizer.mask_token_id)
        share = torch.tensor([row["label"] for row in rows], dtype=torch.float)
        batch["share"] = share + config.label_smoothing * (0.5 - share)
        return batch

    def _fragment(self, text: str) -> str:
        config = self.config
        chance, size, place = torch.rand(3).tolist()
        length = config.crop_min + int(size * (config.crop_max - config.crop_min + 1))
        if chance >= config.crops or len(text) <= length:
            return text
        # Half of them are openings, the other half begin anywhere.
        start = 0 if chance < config.crops / 2 else int(place * (len(text) - length + 1))
        end = start + length
        if config.lang == "en":
            # Whole words: grow to the next spaces.
            start = text.rfind(" ", 0, start + 1) + 1
            end = text.find(" ", end) if " " in text[end:] else len(text)
        return text[start:end]
