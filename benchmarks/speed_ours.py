"""The same work through hitl's engine, or sampled by transformers' own batched `generate`.

Run by speed.py: speed_ours.py engine|generate FOLDER WORK DTYPE [PRESET].
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from worker import serve

from hitl.config.session import SessionConfig
from hitl.learn.engine import LocalEngine
from hitl.records import LabelledGroup, Mode, Prompt

VOCABULARY = 50257


def write_policy(folder: Path, config: GPT2Config | None = None) -> Path:
    """GPT-2 with random weights, of 124M parameters unless `config` says otherwise; its tokens are
    called 0, 1, 2 …"""
    torch.manual_seed(0)
    config = config or GPT2Config()
    last = config.vocab_size - 1
    config.bos_token_id = config.eos_token_id = last
    GPT2LMHeadModel(config).save_pretrained(folder)
    words = Tokenizer(WordLevel({str(i): i for i in range(last + 1)}, unk_token="0"))
    words.pre_tokenizer = WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token=str(last), pad_token=str(last)
    ).save_pretrained(folder)
    return folder


def serve_engine(folder: str, work: dict[str, Any], dtype: str, preset: str) -> None:
    """Groups are sampled and learned from as in a session."""
    config = SessionConfig(
        max_new_tokens=work["max_new_tokens"],
        group_size=work["group_size"],
        dtype=dtype,  # type: ignore[arg-type]
        preset=preset,  # type: ignore[arg-type]
        device="cpu",
    )
    engine = LocalEngine(Path(folder), config, lambda stage, done, total: None)
    texts = [" ".join(map(str, ids)) for ids in work["prompts"][:: config.group_size]]
    batch: list[LabelledGroup] = []
    number = 0

    def sample(together: int) -> None:
        nonlocal number
        number += len(texts)
        prompts = [Prompt(text, number + place) for place, text in enumerate(texts)]
        groups = [
            group
            for start in range(0, len(prompts), together)
            for group in engine.sample(
                prompts[start : start + together], config.group_size, config.seed
            )
        ]
        scores = [float(i % 5 + 1) for i in range(len(work["prompts"]))]
        batch[:] = [
            LabelledGroup(g, tuple(scores[i : i + len(g.completions)]), "op", Mode.SCORE)
            for g, i in zip(groups, range(0, len(scores), config.group_size), strict=True)
        ]

    def update() -> None:
        engine.update(engine.version + 1, batch)

    name = f"hitl, transformers {version('transformers')}, {preset}, {dtype}"
    about = {"name": name, "torch": torch.__version__}
    serve(
        about,
        {
            "sample": lambda: sample(len(texts)),
            "sample by group": lambda: sample(1),
            "update": update,
        },
    )


def serve_generate(folder: str, work: dict[str, Any], dtype: str) -> None:
    """One call for the whole batch; in bf16 the weights are bf16 too."""
    wanted = torch.bfloat16 if dtype == "bf16" else torch.float32
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=wanted)
    ids, new = torch.tensor(work["prompts"]), work["max_new_tokens"]

    def sample() -> None:
        made = model.generate(  # type: ignore[operator]
            ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, max_new_tokens=new,
            min_new_tokens=new, pad_token_id=VOCABULARY - 1,
        )  # fmt: skip
        assert made.shape[1] == ids.shape[1] + new

    name = f"transformers {version('transformers')} generate, {dtype}"
    serve({"name": name, "torch": torch.__version__}, {"sample": sample})


if __name__ == "__main__":
    kind, folder, work, *rest = sys.argv[1:]
    (serve_engine if kind == "engine" else serve_generate)(folder, json.loads(work), *rest)
