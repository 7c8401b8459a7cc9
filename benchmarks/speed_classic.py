"""The classic loop, with TRL 0.11.4 itself: one query at a time, then `PPOTrainer.step`.

Run by speed.py in an environment of its own (tests/oracle/README.md says how to make it):
speed_classic.py FOLDER WORK, a JSON with prompts (ids) and max_new_tokens.
"""
# mypy: ignore-errors
# (typed against packages that the development environment must not have)

import json
import sys
from importlib.metadata import version

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast
from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer
from worker import serve

END = 50256


def main() -> None:
    folder, work = sys.argv[1], json.loads(sys.argv[2])
    queries = [torch.tensor(ids) for ids in work["prompts"]]
    size = len(queries)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"[PAD]": END}, unk_token="[PAD]")),
        pad_token="[PAD]",
        eos_token="[PAD]",
    )
    policy, reference = (
        AutoModelForCausalLMWithValueHead.from_pretrained(folder) for _ in range(2)
    )
    config = PPOConfig(batch_size=size, mini_batch_size=size)
    trainer = PPOTrainer(config, policy, reference, tokenizer)
    # The arguments of TRL's own sentiment example; no completion ends early.
    how = {
        "min_length": -1, "top_k": 0.0, "top_p": 1.0, "do_sample": True,
        "pad_token_id": END, "eos_token_id": -1, "max_new_tokens": work["max_new_tokens"],
    }  # fmt: skip
    responses = []

    def sample() -> None:
        responses[:] = [trainer.generate(query, **how).squeeze()[len(query) :] for query in queries]
        assert all(len(one) == work["max_new_tokens"] for one in responses)

    def update() -> None:
        scores = [torch.tensor(float(i % 5 + 1)) for i in range(size)]
        trainer.step(queries, responses, scores)

    about = {"name": f"TRL {version('trl')}, transformers {version('transformers')}, fp32"}
    serve(about | {"torch": torch.__version__}, {"sample": sample, "update": update})


if __name__ == "__main__":
    main()
