"""Between text and the ids a policy was trained on.

Two families are in use. Chinese GPT-2s (uer/gpt2-chinese-*, the shipped tiny-zh) come with a
BertTokenizer: a prompt is `[CLS]` and its characters, never a `[SEP]`, which is the end token.
All others take what their tokenizer gives by default.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\u2018-\u201f\u2026\u2014\u00b7"
_SPACE_BESIDE_WIDE = re.compile(rf"(?<=[{_WIDE}])\s+|\s+(?=[{_WIDE}])")


@dataclass(frozen=True)
class Codec:
    """Encodes prompts and decodes completions for one policy."""

    tokenizer: Any
    """A transformers tokenizer (its classes share no useful base type)."""
    eos_id: int
    pad_id: int
    context: int
    """Longest sequence the policy takes, tokens."""

    @property
    def is_bert(self) -> bool:
        """Whether ids are `[CLS] … [SEP]`, as BertTokenizer makes them."""
        return self.tokenizer.cls_token_id is not None and self.tokenizer.sep_token_id is not None

    def encode_prompt(self, text: str, max_new_tokens: int) -> tuple[int, ...]:
        """Ids of a prompt, at least one, cut from the left so that `max_new_tokens` fit after it.

        token_type_ids are never made: GPT-2 would add them as embeddings.
        """
        head, body = self._prompt(text)
        return (*head, *body[self._left_out(head, body, max_new_tokens) :])

    def left_out(self, text: str, max_new_tokens: int) -> int:
        """How many tokens `encode_prompt` cuts from the left of a prompt."""
        return self._left_out(*self._prompt(text), max_new_tokens)

    def head(self, text: str, count: int) -> str:
        """The first `count` tokens of a prompt as text, without half a character at the end."""
        return self.decode(self._prompt(text)[1][:count]).rstrip("\ufffd")

    def _left_out(self, head: list[int], body: list[int], max_new_tokens: int) -> int:
        room = max(self.context - max_new_tokens - len(head), 0)
        return max(len(body) - room, 0)

    def _prompt(self, text: str) -> tuple[list[int], list[int]]:
        """What a prompt begins with whatever its text, and its text."""
        if self.is_bert:
            return [self.tokenizer.cls_token_id], self.tokenizer.encode(
                text, add_special_tokens=False
            )
        ids = self.tokenizer.encode(text)
        bos = self.tokenizer.bos_token_id
        if not ids:
            return [bos if bos is not None else self.eos_id], []
        cut = 1 if ids[0] == bos else 0
        return ids[:cut], ids[cut:]

    def encode_completion(self, text: str, max_new_tokens: int) -> tuple[int, ...]:
        """Ids of a text as if it had been sampled: at most `max_new_tokens`, the end token last
        where there is room for it."""
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        return (*ids, self.eos_id)[:max_new_tokens]

    def unknown(self, text: str) -> tuple[str, ...]:
        """What of a text there is no token for, each once: characters, or a whole word where that
        is what the tokenizer looks up."""
        unknown = self.tokenizer.unk_token_id
        if unknown is None or unknown not in self.tokenizer.encode(text, add_special_tokens=False):
            return ()
        if not self.tokenizer.is_fast:
            return tuple(
                dict.fromkeys(
                    c for c in text if unknown in self.tokenizer.encode(c, add_special_tokens=False)
                )
            )
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        spans = zip(found["input_ids"], found["offset_mapping"], strict=True)
        return tuple(dict.fromkeys(text[a:b] for token, (a, b) in spans if token == unknown))

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a completion, without end token and without the spaces BertTokenizer leaves
        between Chinese characters."""
        text = self.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return _SPACE_BESIDE_WIDE.sub("", text) if self.is_bert else text

    def piece(self, token: int) -> str:
        """One token as text: the end token by its name, half a character as U+FFFD."""
        text: str = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return text


def codec_for(tokenizer: Any, model_config: Any) -> Codec:
    """The codec of a tokenizer and the config of the model it belongs to.

    A Chinese GPT-2's config may say eos 50256, outside its vocabulary: `[SEP]` it is. GPT-2 has no
    pad token: the end token stands in, and padding is told by length, never by id.
    """
    bert = tokenizer.cls_token_id is not None and tokenizer.sep_token_id is not None
    eos = tokenizer.sep_token_id if bert else tokenizer.eos_token_id
    if eos is None:
        eos = model_config.eos_token_id
    if isinstance(eos, list):
        eos = eos[0]
    if eos is None:
        raise ValueError("neither tokenizer nor model config names an end token")
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else eos
    return Codec(tokenizer, int(eos), int(pad), _context(model_config))


_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")


def _context(model_config: Any) -> int:
    """Tokens a model takes, by whichever name its family has for it; 1024 where none is said."""
    text_config = model_config.get_text_config()
    for name in _CONTEXT_NAMES:
        if isinstance(length := getattr(text_config, name, None), int) and length > 0:
            return length
    return 1024
