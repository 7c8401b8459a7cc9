"""GPT-2's activation as one operation, beside the eight of transformers."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.activations import NewGELUActivation

from hitl.learn.activation import fuse_activations
from hitl.learn.policy import load_model
from hitl.shipped import shipped

from .conftest import tiny_policy


def test_logits_and_gradients_are_those_of_transformers() -> None:
    ours, theirs = tiny_policy().model, tiny_policy().model
    ids = torch.arange(12).view(2, 6)
    fuse_activations(ours)
    for model in (ours, theirs):
        model(input_ids=ids).logits.log_softmax(-1)[..., 3].mean().backward()
    assert torch.allclose(ours(input_ids=ids).logits, theirs(input_ids=ids).logits, atol=1e-6)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None and other.grad is not None
        assert torch.allclose(mine.grad, other.grad, atol=1e-6)


def test_a_loaded_gpt2_has_it_and_is_saved_as_the_gpt2_it_was(tmp_path: Path) -> None:
    source = shipped("checkpoints", "tiny-zh")
    assert source is not None
    given, tokenizer = tiny_policy().model, AutoTokenizer.from_pretrained(source)
    given.save_pretrained(tmp_path / "given")
    tokenizer.save_pretrained(tmp_path / "given")
    model = load_model(tmp_path / "given", torch.device("cpu")).model
    kinds = [type(module) for module in model.modules()]
    assert nn.GELU in kinds and NewGELUActivation not in kinds
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["activation_function"] == "gelu_new"
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert any(isinstance(module, NewGELUActivation) for module in again.modules())
    assert again.state_dict().keys() == model.state_dict().keys()


def test_a_model_with_another_activation_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    fuse_activations(model)
    assert [type(child) for child in model] == [nn.Linear, nn.ReLU]
