"""The engine on a shipped policy: real sampling, real updates, real files."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from hitl.config.session import SessionConfig
from hitl.engine import UpdateRefusedError
from hitl.errors import HitlError
from hitl.learn import ppo
from hitl.learn.before import Before
from hitl.learn.engine import LocalEngine
from hitl.learn.limits import Yardstick
from hitl.learn.policy import Policy
from hitl.learn.reading import Reading
from hitl.learn.sampling import partial_texts
from hitl.pulse import Pulse
from hitl.records import Completion, LabelledGroup, Mode, Prompt, StepOptions
from hitl.shipped import shipped

CONFIG = SessionConfig(lang="zh", group_size=2, max_new_tokens=6, seed=5)


def engine(config: SessionConfig = CONFIG) -> LocalEngine:
    source = shipped("checkpoints", config.base_policy)
    assert source is not None
    return LocalEngine(source, config, lambda stage, done, total: None)


def judged(
    engine: LocalEngine, numbers: tuple[int, ...] = (1, 2), mode: Mode = Mode.SCORE
) -> list[LabelledGroup]:
    groups = engine.sample([Prompt("这部电影很", n) for n in numbers], 2, 5)
    return [LabelledGroup(g, (5.0, 1.0), "op", mode) for g in groups]


def test_the_same_batches_give_the_same_weights_whatever_happened_between() -> None:
    one, other = engine(), engine()
    for number in (1, 2):
        batch = judged(one, (number,))
        stats = one.update(number, batch)
        other.sample([Prompt("酒店", 9)], 2, 5)
        assert other.update(number, batch).digest == stats.digest == other.digest()
    assert one.digest() != engine().digest()


def test_what_is_told_while_sampling_grows_into_the_group_and_changes_no_bit() -> None:
    source = shipped("checkpoints", CONFIG.base_policy)
    assert source is not None
    config = dataclasses.replace(CONFIG, max_new_tokens=30)
    told: list[tuple[Prompt, tuple[str, ...]]] = []
    one = LocalEngine(source, config, lambda *at: None, on_partial=lambda *at: told.append(at))
    one._look = Pulse(0)
    prompt = Prompt("这部电影很", 3)
    [group] = one.sample([prompt], 2, 5)
    assert [group] == engine(config).sample([prompt], 2, 5)
    texts = [c.text for c in group.completions]
    assert len(told) == max(len(c.token_ids) for c in group.completions)
    assert {at for at, _ in told} == {prompt} and told[-1][1] == tuple(texts)
    for _, partial in told:
        assert all(whole.startswith(part) for whole, part in zip(texts, partial, strict=True))


def test_half_a_character_waits_for_its_other_half() -> None:
    one = engine(dataclasses.replace(CONFIG, lang="en"))
    ids = one._codec.encode_completion("day 天", 20)[:-1]
    said = [partial_texts(one._codec, torch.tensor(ids)[:n, None].unbind())[0] for n in (2, 3, 9)]
    assert said[-1] == "day 天" and not any("\ufffd" in text for text in said)


def test_an_update_says_how_old_its_labels_are() -> None:
    one = engine()
    first, second = judged(one, (1, 2)), judged(one, (3, 4))
    assert one.update(1, first).staleness == 0.0
    third = judged(one, (5, 6))
    assert one.update(2, [*second, *third]).staleness == 0.5
    late = one.update(3, [*judged(one, (7,)), second[0]])
    assert late.staleness == 1.0 and not any("updates before" in n for n in late.notices)
    assert "2.0 updates before" in one.update(4, [third[0]]).notices[0]


def test_an_update_asked_for_twice_is_made_once() -> None:
    one = engine()
    batch = judged(one)
    stats = one.update(1, batch)
    digest = one.digest()
    assert one.update(1, batch) == stats
    assert one.digest() == digest
    with pytest.raises(HitlError, match="update 3 asked of a policy that is at 1"):
        one.update(3, batch)


def test_what_was_saved_goes_on_bit_for_bit(tmp_path: Path) -> None:
    one = engine()
    one.update(1, judged(one))
    manifest = one.save(tmp_path)
    assert manifest.problem(tmp_path) is None
    assert not list(tmp_path.rglob("*.bin")) + list(tmp_path.rglob("*.pt"))
    other = engine()
    assert other.load(tmp_path) == 1
    assert other.digest() == one.digest()
    batch = judged(one, (3, 4))
    assert judged(other, (3, 4)) == batch
    ours, theirs = one.update(2, batch), other.update(2, batch)
    assert dataclasses.replace(ours, seconds=0) == dataclasses.replace(theirs, seconds=0)


def test_the_saved_policy_loads_in_transformers_as_it_is(tmp_path: Path) -> None:
    one = engine()
    one.update(1, judged(one))
    one.save(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "policy")
    ids = torch.tensor([tokenizer.encode("酒店很", add_special_tokens=False)])
    base = AutoModelForCausalLM.from_pretrained(shipped("checkpoints", "tiny-zh")).float()
    with torch.no_grad():
        difference = (model(ids).logits - base(ids).logits).abs().max()
    assert 1e-3 < difference < 10


@pytest.mark.parametrize("mode", [Mode.SCORE, Mode.RANK])
def test_an_edit_becomes_likelier(mode: Mode) -> None:
    one = engine(dataclasses.replace(CONFIG, max_new_tokens=12))
    text = "质量很好，非常满意"
    batch = [
        dataclasses.replace(g, rewards=(math.nan, math.nan), edit=text)
        for g in judged(one, (1, 2), mode)
    ]
    before = one.logprob("这部电影很", text)
    assert one.update(1, batch).labels == 2
    assert one.logprob("这部电影很", text) > before + 1


def test_a_long_edit_says_nothing_of_how_far_the_policy_is() -> None:
    told = []
    for edit in (None, "质量很好，非常满意，" * 12):
        one = engine(dataclasses.replace(CONFIG, lr=1e-3))
        one.update(1, judged(one))
        first, second = judged(one, (3, 4))
        told.append(one.update(2, [dataclasses.replace(first, edit=edit), second]).sequence_kl)
    assert told[0] > 0.01 and told[1] == pytest.approx(told[0], rel=1e-4)


def test_a_reward_that_is_not_finite_leaves_everything_as_it_was() -> None:
    one = engine()
    one.update(1, judged(one))
    digest = one.digest()
    broken = [dataclasses.replace(g, rewards=(math.inf, 1.0)) for g in judged(one, (3,))]
    with pytest.raises(UpdateRefusedError, match=r"update 2 was undone, .*NaN or infinite"):
        one.update(2, broken)
    assert one.digest() == digest and one.version == 1
    good = judged(one, (4,))
    assert one.update(2, good).notices == ()
    assert one.digest() != digest


def test_a_batch_without_judgement_teaches_nothing() -> None:
    one = engine()
    digest = one.digest()
    skipped = [dataclasses.replace(g, rewards=(math.nan, math.nan)) for g in judged(one)]
    stats = one.update(1, skipped)
    assert (stats.labels, one.digest()) == (0, digest)
    assert "nothing learned" in stats.notices[0]


def test_a_batch_without_variance_says_so() -> None:
    one = engine()
    equal = [dataclasses.replace(g, rewards=(4.0, 4.0)) for g in judged(one)]
    assert "all labels of this batch are equal" in one.update(1, equal).notices[0]


def test_labels_that_teach_nothing_for_their_age_are_not_consumed_without_a_word() -> None:
    one = engine()
    [fresh] = judged(one, (1,))

    def old(completion: Completion) -> Completion:
        """As if its tokens had been unlikely when they were sampled."""
        return dataclasses.replace(completion, logprobs=tuple(p - 7 for p in completion.logprobs))

    texts = tuple(old(completion) for completion in fresh.group.completions)
    stale = dataclasses.replace(fresh, group=dataclasses.replace(fresh.group, completions=texts))
    digest = one.digest()
    stats = one.update(1, [stale])
    assert one.digest() == digest and stats.labels == 2
    [notice] = stats.notices
    assert f"{stats.epochs} of {stats.epochs} steps taught nothing" in notice
    assert "more than 10 times" in notice
    assert not any("taught nothing" in notice for notice in one.update(2, [fresh]).notices)


def test_what_the_policy_has_no_token_for_in_an_edit_is_named_once() -> None:
    source, told = shipped("checkpoints", CONFIG.base_policy), list[str]()
    assert source is not None
    one = LocalEngine(source, CONFIG, lambda *at: None, told.append)
    first, second = judged(one)
    one.update(1, [dataclasses.replace(first, edit="鲑鱼很好，鲑"), second])
    one.update(2, [dataclasses.replace(first, edit="好鲑鱼"), second])
    assert told == [
        "your own text for group 1 has what the policy has no token for, and learns as [UNK]: 鲑"
    ]


def test_sequence_kl_is_zero_before_and_positive_after() -> None:
    one = engine(dataclasses.replace(CONFIG, lr=1e-3, max_new_tokens=16))
    prompts = [Prompt("这部电影很", -n) for n in range(1, 9)]
    assert one.sequence_kl(one.sample(prompts, 4, 0)) == pytest.approx(0, abs=1e-4)
    for number in range(1, 4):
        one.update(number, judged(one, (number, 100 + number)))
    assert one.sequence_kl(one.sample(prompts, 4, 0)) > 0.05


def test_tokens_of_a_group_with_the_reference() -> None:
    one = engine(dataclasses.replace(CONFIG, lr=1e-3))
    [group] = one.sample([Prompt("这部电影很", 1)], 2, 5)
    empty = Completion("", (), (), False)
    group = dataclasses.replace(group, completions=(empty, *group.completions))
    nothing, *tokens = one.inspect(group)
    assert nothing == ()
    assert one.inspect(dataclasses.replace(group, completions=(empty, empty))) == ((), ())
    for seen, completion in zip(tokens, group.completions[1:], strict=True):
        text = "".join(token.text for token in seen)
        assert text.removesuffix("[SEP]").replace(" ", "") == completion.text.replace(" ", "")
        # Nothing was learned yet: the policy is the reference.
        assert [t.ref_logp for t in seen] == pytest.approx(completion.logprobs, abs=1e-4)
    one.update(1, judged(one))
    [after] = one.sample([Prompt("这部电影很", 1)], 1, 5)
    [seen] = one.inspect(after)
    difference = [p - t.ref_logp for p, t in zip(after.completions[0].logprobs, seen, strict=True)]
    assert sum(difference) == pytest.approx(one.sequence_kl([after]), abs=1e-4)
    assert max(map(abs, difference)) > 1e-3


def test_the_classic_preset_learns_too() -> None:
    one = engine(dataclasses.replace(CONFIG, preset="trl-classic"))
    digest = one.digest()
    stats = one.update(1, judged(one))
    assert stats.epochs == 4 and stats.value_loss > 0 and one.digest() != digest


@pytest.mark.parametrize("restricted", [{"top_k": 20}, {"top_p": 0.9}, {"temperature": 0.7}])
def test_restricted_sampling_learns_too(restricted: dict[str, float]) -> None:
    one = engine(dataclasses.replace(CONFIG, **restricted))
    digest = one.digest()
    stats = one.update(1, judged(one))
    assert stats.epochs >= 1 and 0 < stats.step_kl <= 0.1 and one.digest() != digest


def test_out_of_memory_is_tried_again_in_smaller_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = engine()
    batch = judged(whole, (1, 2, 3))
    expected = whole.update(1, batch)
    read, refused = Policy.read, list[int]()

    def scarce(self: Policy, ids: Tensor, *rest: Tensor) -> tuple[Reading, Tensor]:
        if torch.is_grad_enabled() and len(ids) > 3:
            refused.append(len(ids))
            raise torch.OutOfMemoryError("no room")
        return read(self, ids, *rest)

    monkeypatch.setattr(Policy, "read", scarce)
    one = engine()
    got = one.update(1, batch)
    assert refused == [6, 6, 6, 4]  # micro-batches of 32, 16, 8, 4
    assert got.gradient_norm == pytest.approx(expected.gradient_norm, rel=1e-4)
    assert got.policy_loss == pytest.approx(expected.policy_loss, abs=1e-6)  # 0 but for rounding
    assert got.step_kl == pytest.approx(expected.step_kl, rel=1e-2)


def all_of(engine: LocalEngine) -> dict[str, Tensor]:
    """Weights and moments, by name."""
    held = {name: p.detach().clone() for name, p in engine._policy.trained().items()}
    for name, parameter in engine._policy.trained().items():
        for kind, value in engine._optimizer.state.get(parameter, {}).items():
            held[f"{name} {kind}"] = torch.as_tensor(value).clone()
    return held


@pytest.mark.parametrize("preset", ["human", "trl-classic"])
@pytest.mark.parametrize("updates", [0, 1], ids=["first update", "second"])
@pytest.mark.parametrize(
    ("where", "call"),
    [
        ("a copy", 1),
        ("a copy", 9),
        ("a step", 9),
        ("a gradient", 2),
        ("a look", 1),
        ("the digest", 1),
    ],
)
def test_an_update_that_fails_leaves_weights_and_moments_as_they_were(
    preset: Literal["human", "trl-classic"],
    updates: int,
    where: str,
    call: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever it fails: between two weights of a step, in a later pass, or when all is done."""
    one = engine(dataclasses.replace(CONFIG, preset=preset))
    for number in range(1, updates + 1):
        one.update(number, judged(one, (number,)))
    batch, before, calls = judged(one, (7, 8)), all_of(one), itertools.count(1)
    monkeypatch.setattr(ppo, "TOGETHER", 1)
    whose, name = {
        "a copy": (Before, "keep"),
        "a step": (type(one._optimizer), "step"),
        "a gradient": (ppo, "_accumulate"),
        "a look": (Yardstick, "look"),
        "the digest": (LocalEngine, "digest"),
    }[where]
    whole = getattr(whose, name)

    def broken(*given: Any) -> Any:
        found = whole(*given)
        if next(calls) == call:
            raise KeyboardInterrupt
        return found

    with monkeypatch.context() as patched:
        patched.setattr(whose, name, broken)
        if where == "a gradient" and preset == "human":  # it makes one pass
            call = 1
        with pytest.raises(KeyboardInterrupt):
            one.update(updates + 1, batch)
    after = all_of(one)
    assert after.keys() == before.keys() and one.version == updates
    assert all(torch.equal(after[name], before[name]) for name in before)
    again = engine(dataclasses.replace(CONFIG, preset=preset))
    for number in range(1, updates + 1):
        again.update(number, judged(again, (number,)))
    assert one.update(updates + 1, batch).digest == again.update(updates + 1, batch).digest


def test_no_memory_for_what_an_update_goes_back_to_is_tried_again_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = engine()
    batch = judged(whole)
    want, keep, calls = whole.update(1, batch), Before.keep, itertools.count(1)

    def scarce(self: Before, parameters: Iterable[Tensor]) -> None:
        if next(calls) == 2:
            raise torch.OutOfMemoryError("no room")
        keep(self, parameters)

    monkeypatch.setattr(Before, "keep", scarce)
    monkeypatch.setattr(ppo, "TOGETHER", 1)
    one = engine()
    assert one.update(1, batch).digest == want.digest  # two rows are one piece all the same
    assert one._ppo.micro_batch_size == whole._ppo.micro_batch_size // 2


def test_faults_of_the_user_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HitlError, match=r"no GPU was found here|no device"):
        engine(
            dataclasses.replace(CONFIG, device="cuda:7" if not torch.cuda.is_available() else "x")
        )
    with pytest.raises(HitlError, match="leaves no room for a prompt"):
        engine(dataclasses.replace(CONFIG, max_new_tokens=256))
    with pytest.raises(HitlError, match=r"could not be loaded.*--policy tiny-zh"):
        LocalEngine(tmp_path, CONFIG, lambda *at: None)


def test_an_update_takes_the_options_it_is_given_and_says_so() -> None:
    """And only it: the next one without has the config's again."""
    slow, fast, plain = engine(), engine(), engine()
    batch = judged(slow)
    little = slow.update(1, batch, StepOptions(1e-6, 3.0))
    much = fast.update(1, batch, StepOptions(1e-3, 3.0))
    assert little.options == StepOptions(1e-6, 3.0, further=0)
    assert much.options == StepOptions(1e-3, 3.0, further=0)
    assert 0 < little.step_kl < 0.01 * much.step_kl
    assert plain.update(1, batch).digest == engine().update(1, batch).digest
    # As it was made with, once:
    usual = dataclasses.replace(CONFIG.step_options, lr_decay=None, further=0)
    assert fast.update(2, judged(fast)).options == usual


def test_early_stopping_ends_the_passes_of_an_update() -> None:
    config = dataclasses.replace(CONFIG, preset="trl-classic", lr=1e-3)
    assert engine(config).update(1, judged(engine(config))).epochs == 4
    stopping = dataclasses.replace(config, early_stopping=True, early_stop_kl=1e-4)
    assert stopping.ppo.early_stopping and stopping.ppo.early_stop_kl == 1e-4
    stopped = engine(stopping)
    assert 1 <= stopped.update(1, judged(stopped)).epochs < 4
    assert dataclasses.replace(config, early_stopping=True).ppo.early_stop_kl == 1.0


def test_base_and_policy_go_on_from_the_same_part_of_a_query() -> None:
    one = engine(dataclasses.replace(CONFIG, query_tokens="2-4", answer_tokens="1-6"))
    prompts = [Prompt("这部电影很好看，我们都喜欢", number) for number in (-1, -2, -3, -4)]
    written, base = one.sample(prompts, 2, 5), one.sample_base(prompts, 2, 5)
    assert [g.prompt for g in written] == [g.prompt for g in base]
    assert all(2 <= len(g.prompt.text) <= 4 for g in written)
    assert len({g.prompt.text for g in written}) > 1
    assert len({len(c.token_ids) for g in written for c in g.completions}) > 1
