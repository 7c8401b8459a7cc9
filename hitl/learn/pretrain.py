"""A tiny GPT-2 from scratch, so that a newcomer without a model hub has a policy to teach.

One text is one sequence: ``[CLS] text [SEP]`` (zh) or ``<|endoftext|>text<|endoftext|>`` (en).
The loop is transformers' Trainer; what is added is batches of equal token count, Muon for the
matrices, figures in nats per token and per character, and layers that find alike what an encoder
does (`alike.py`).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerBase

from hitl.atomic import whole_folder
from hitl.config.pretrain import PretrainConfig
from hitl.corpora import CorpusError, load_corpus
from hitl.errors import HitlError
from hitl.learn.alike import FURTHEST, AlikeTrainer, Encoder, aligned, windows_of, with_windows
from hitl.learn.hub import OTHER_STARTS, loading, located
from hitl.learn.scratch import (
    Report,
    Row,
    ScratchTrainer,
    autocast,
    prepare_work,
    quiet,
    run,
    same_data,
    save_fp16,
    tokenizer_for,
)
from hitl.learn.tokenizers import bert_tokenizer, gpt2_tokenizer
from hitl.learn.tokens import codec_for

IGNORE = -100
#: Held-out texts behind the figures during training; the final figures use all.
GLIMPSE = 256


@dataclass(frozen=True, slots=True)
class Nats:
    """Loss on held-out texts.

    ``per_token``: mean −ln p of every predicted token, the end token included. ``per_character``:
    the same sum divided by the number of characters (zh: without spaces, which its tokeniser
    drops) of the texts, cut where the texts were cut.
    """

    per_token: float
    per_character: float
    tokens: int
    characters: int


@dataclass(frozen=True, slots=True)
class PretrainResult:
    """What was written where, and how good it is on texts it never saw."""

    out: Path
    parameters: int
    texts: int
    heldout: Nats | None
    alike: float | None
    """Alignment of its layers with the encoder, 0..1, on a glimpse of the held-out texts."""
    steps: int
    train_loss: float
    """Mean over the steps; with an encoder, what is missing of the alignment is part of it."""


def pretrain(config: PretrainConfig, report: Report | None = None) -> PretrainResult:
    """Train as configured, write the model folder, return its figures.

    Learns from the corpus's ``train`` and ``gold`` parts. ``report`` gets a line of progress now
    and then. Continues ``OUT.training`` if a run with the same options was interrupted. Raises
    CorpusError for texts that cannot be had, UsageError for another run's unfinished folder, or
    when there is an OUT already.
    """
    examples = load_corpus(config.corpus)
    train = [e.text for e in examples if e.part != "heldout"]
    heldout = [e.text for e in examples if e.part == "heldout"]
    if not train:
        raise CorpusError(f"{config.corpus} has no texts to train on: give a larger corpus")
    torch.manual_seed(config.seed)
    with quiet():
        if config.init is not None:
            with loading("model", config.init, OTHER_STARTS):
                start = located(config.init)
                tokenizer = AutoTokenizer.from_pretrained(start)
                model = _continued(config, start)
        encoder = Encoder.load(config.encoder) if config.encoder is not None else None
        also = [e.text for e in load_corpus(config.also)] if config.also else []
        work = prepare_work(config.out, config)
        same_data(work, [train, also, heldout])
        if config.init is None:
            make = bert_tokenizer if config.lang == "zh" else gpt2_tokenizer
            tokenizer = tokenizer_for(work, lambda: make(train, config.vocab, config.positions))
            model = GPT2LMHeadModel(_model_config(config, tokenizer))
        longest = config.max_tokens
        sequences = [
            piece for text in [*train, *also] for piece in pieces(text, tokenizer, longest)
        ]
        glimpse = heldout[:: max(1, len(heldout) // GLIMPSE)]
        rows: list[Row] = [{"input_ids": ids} for ids in sequences]
        seen: list[Row] = [{"input_ids": encode(t, tokenizer, FURTHEST)} for t in glimpse]
        if encoder is not None:
            codec = codec_for(tokenizer, model.config)
            rows = with_windows(rows, codec, encoder, config.seed, report)
            seen = with_windows(seen, codec, encoder, config.seed)
            if not any(row["windows"] for row in rows):
                raise CorpusError(f"{config.corpus}: its texts are too short for --encoder")
        measurable = any(row.get("windows") for row in seen)

        def measure() -> dict[str, float]:
            if not glimpse:
                return {}
            figures = nats(model, tokenizer, glimpse, config.max_tokens)
            found = {"per_token": figures.per_token, "per_character": figures.per_character}
            if measurable:
                found["alike"] = alignment_on(model, seen)
            return found

        trainer_class = ScratchTrainer if encoder is None else AlikeTrainer
        trainer = trainer_class(
            model,
            model.transformer.h,
            rows,
            [len(ids) for ids in sequences],
            collate,
            config,
            work,
            steps=config.steps,
            lr=config.lr,
            measure=measure,
            report=report,
        )
        train_loss = run(trainer, work)
        figures = nats(model, tokenizer, heldout, config.max_tokens) if heldout else None
        aligned_by = alignment_on(model, seen) if measurable else None
        # The Trainer turns the cache off, which would make sampling slow.
        model.config.use_cache = True
        with whole_folder(config.out) as folder:
            save_fp16(model, tokenizer, folder)
        shutil.rmtree(work)
    return PretrainResult(
        out=config.out,
        parameters=model.num_parameters(),
        texts=len(train) + len(also),
        heldout=figures,
        alike=aligned_by,
        steps=config.steps,
        train_loss=train_loss,
    )


# --- texts --------------------------------------------------------------------------------------


def encode(text: str, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[int]:
    """Start token, text, end token; a text that does not fit is cut and has no end token."""
    start, end = edges(tokenizer)
    ids = tokenizer.encode(text, add_special_tokens=False, truncation=True, max_length=max_tokens)
    return [start, *ids, end][:max_tokens]


def pieces(text: str, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[list[int]]:
    """The text as sequences of at most `max_tokens`, so that nothing of a long one is lost: each
    begins with the start token, the last ends with the end token."""
    start, end = edges(tokenizer)
    ids = [*tokenizer.encode(text, add_special_tokens=False), end]
    room = max_tokens - 1
    return [[start, *ids[at : at + room]] for at in range(0, len(ids), room)]


def edges(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """Ids of the token a text starts with and of the token that ends it."""
    if tokenizer.cls_token_id is not None:
        return tokenizer.cls_token_id, tokenizer.sep_token_id
    return tokenizer.eos_token_id, tokenizer.eos_token_id


def collate(rows: Sequence[Row]) -> dict[str, Tensor]:
    """Rows → ``input_ids`` (B, T) padded right with 0 and ``labels`` (B, T), padding ignored.

    No attention mask: padding stands after the text and attention is causal, so it changes
    nothing but the speed.
    """
    width = max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORE)
    for i, row in enumerate(rows):
        tokens = torch.tensor(row["input_ids"])
        ids[i, : len(tokens)] = tokens
        labels[i, : len(tokens)] = tokens
    batch = {"input_ids": ids, "labels": labels}
    return batch | windows_of(rows) if "windows" in rows[0] else batch


# --- training -----------------------------------------------------------------------------------


def _model_config(config: PretrainConfig, tokenizer: PreTrainedTokenizerBase) -> GPT2Config:
    start, end = edges(tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    return GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=config.positions,
        n_embd=config.width,
        n_layer=config.layers,
        n_head=config.heads,
        resid_pdrop=config.dropout,
        embd_pdrop=config.dropout,
        # Dropout inside the attention would cost the fused kernel, twice the time of a step.
        attn_pdrop=0.0,
        # GPT-2's own activation under the name of its fused form.
        activation_function="gelu_pytorch_tanh",
        bos_token_id=start,
        eos_token_id=end,
        pad_token_id=pad,
        use_cache=True,
    )


def _continued(config: PretrainConfig, folder: Path | str) -> GPT2LMHeadModel:
    """The model of ``folder`` with this training's dropout, in fp32."""
    model: GPT2LMHeadModel = GPT2LMHeadModel.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        resid_pdrop=config.dropout,
        embd_pdrop=config.dropout,
    )
    return model


@torch.no_grad()
def nats(
    model: GPT2LMHeadModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    max_tokens: int,
) -> Nats:
    """Loss of ``model`` on ``texts`` (see Nats), in bf16 where that is native, dropout off."""
    sequences = sorted((encode(text, tokenizer, max_tokens) for text in texts), key=len)
    _, end = edges(tokenizer)
    training = model.training
    model.train(False)
    total, tokens, characters = 0.0, 0, 0
    for start in range(0, len(sequences), 32):
        rows = sequences[start : start + 32]
        batch = collate([{"input_ids": ids} for ids in rows])
        labels = batch["labels"][:, 1:].to(model.device)
        with autocast(model.device):
            logits = model(batch["input_ids"].to(model.device)).logits[:, :-1]
        total += torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="sum"
        ).item()
        tokens += int((labels != IGNORE).sum())
    model.train(training)
    if not math.isfinite(total):
        raise HitlError("the loss on held-out texts is not finite: train again with a lower --lr")
    for text in texts:
        ids = encode(text, tokenizer, max_tokens)
        if ids[-1] == end:
            characters += len(text.replace(" ", "")) if tokenizer.cls_token_id else len(text)
        else:
            # A [UNK] stands for at least one character, which is all that is counted for it.
            characters += _length(ids[1:], tokenizer)
    return Nats(total / tokens, total / characters, tokens, characters)


@torch.no_grad()
def alignment_on(model: GPT2LMHeadModel, rows: Sequence[Row]) -> float:
    """Alignment of the layers of ``model`` with the encoder (`alike.aligned`) on ``rows``, dropout
    off."""
    training = model.training
    model.train(False)
    batch = {name: tensor.to(model.device) for name, tensor in collate(rows).items()}
    states = model(batch["input_ids"], output_hidden_states=True, logits_to_keep=1).hidden_states
    model.train(training)
    return float(aligned(states, batch["windows"], batch["said"]))


def _length(ids: list[int], tokenizer: PreTrainedTokenizerBase) -> int:
    if tokenizer.cls_token_id is None:
        return len(tokenizer.decode(ids))
    pieces = tokenizer.convert_ids_to_tokens(ids)
    return sum(1 if p == "[UNK]" else len(p.removeprefix("##")) for p in pieces)
