"""The engine on this machine: policy, reference and optimizer in one process."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel

from hitl.config.ppo import PPOConfig
from hitl.config.session import SessionConfig
from hitl.engine import NoRoomError, UpdateRefusedError, never
from hitl.errors import HitlError
from hitl.faultpoints import reach
from hitl.learn import ppo, state
from hitl.learn.amplify import Learner
from hitl.learn.before import Before
from hitl.learn.build import OnProgress, build, pick_device
from hitl.learn.edits import with_edit
from hitl.learn.evaluate import evaluate_all
from hitl.learn.labels import Labels
from hitl.learn.policy import Policy, digest
from hitl.learn.rollout import Rollout, rollout_of
from hitl.learn.sampling import Sampling, partial_texts, sample_groups, shortened
from hitl.learn.share import ALONE, Share
from hitl.learn.spare import give_back
from hitl.learn.state import TrainerState
from hitl.learn.step import per_sequence
from hitl.learn.teaching import Known, Taught, teach
from hitl.learn.varied import varied
from hitl.manifest import Manifest
from hitl.pulse import Pulse
from hitl.records import (
    Completion,
    Group,
    Inspection,
    LabelledGroup,
    Mode,
    Prompt,
    StepOptions,
    TokenView,
    UpdateStats,
)
from hitl.scale import Scale
from hitl.wording import Sentence

OnNotice = Callable[[str], None]
"""Told what the operator should know, a sentence."""

OnPartial = Callable[[Prompt, tuple[str, ...]], None]
"""Told what the completions of a prompt say so far, (k,)."""

ROWS = 64
"""Completions sampled side by side, which bounds their cache."""

PARTIAL_S = 1 / 15
"""Seconds between two looks at unfinished completions: as text grows for a reader."""


class LocalEngine:
    """Implements hitl.engine.Engine. Weights after update N are a function of the base policy,
    the config and the batches alone; on CPU bit for bit."""

    def __init__(
        self,
        source: Path | str,
        config: SessionConfig,
        on_progress: OnProgress,
        on_notice: OnNotice = lambda text: None,
        on_partial: OnPartial | None = None,
        join: Callable[[torch.device], Share] = lambda device: ALONE,
        micro: int | None = None,
    ) -> None:
        """`source` is the base policy. `join` says which part of the updates is this engine's, by
        the device that the policy is to be on: all engines of an update are asked for it, with the
        same arguments, and where the policy is in pieces for all else too. `micro` is how many
        completions go forward at once, where those that the config says had no room. Raises
        HitlError when it cannot be loaded as configured."""
        self._config = config
        ppo_config: PPOConfig = config.ppo
        if micro is not None:
            ppo_config = dataclasses.replace(ppo_config, micro_batch_size=micro)
        self._ppo = ppo_config
        self._scale = Scale.parse(config.scale)
        self._how = Sampling(
            config.max_new_tokens,
            config.temperature,
            config.top_k,
            config.top_p,
            config.answer_lengths,
        )
        self._progress = on_progress
        self._notice = on_notice
        self._partial = on_partial
        self._look = Pulse(PARTIAL_S)
        self._cut: set[str] = set()
        self._unknown: set[str] = set()
        device = pick_device(config.device)
        self._share = join(device)
        made = build(source, config, device, self._share, on_progress)
        self._policy, self._reference = made.policy, made.reference
        self._optimizer, self._codec = made.optimizer, made.codec
        if self._policy.emulated:
            self._notice(
                Sentence(
                    "this processor has no bf16, and takes far longer for it than for fp32: begin "
                    "a new run without --dtype bf16"
                )
            )
        self._frozen = _digest_of_frozen(self._policy)
        self._state = TrainerState(0, self._ppo.init_kl_coef, {}, None)
        self._labels = Labels.none()

    @property
    def version(self) -> int:
        """Updates the policy has had."""
        return self._state.version

    def digest(self) -> str:
        """SHA-256 of the weights of policy and value head; with adapters, of these and of the
        digest of what they adapt, which never changes."""
        return digest({**self._policy.trained(), **self._frozen}.items())

    def sample(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        given = [self._given(prompt, seed) for prompt in prompts]
        for prompt in given:
            self._tell_if_cut(prompt)
        total = len(prompts) * self._how.max_new_tokens

        def passed(before: int, together: Sequence[Prompt], tokens: Sequence[torch.Tensor]) -> None:
            done = before * self._how.max_new_tokens + len(together) * len(tokens)
            self._progress("sample", done, total)
            if self._partial is not None and self._look.due():
                texts = partial_texts(self._codec, tokens)
                for place, prompt in enumerate(together):
                    self._partial(prompt, texts[place * group_size : (place + 1) * group_size])

        with self._policy.writing() as model:
            groups = self._side_by_side(model, given, group_size, seed, self._state.version, passed)
        self._progress("sample", 1, 1)  # they may all have ended before the longest could
        return groups

    def sample_to_judge(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        many = self._config.candidates
        if many is None or many <= group_size:
            return self.sample(prompts, group_size, seed)
        told, self._partial = self._partial, None  # it is not known yet which of them are shown
        try:
            groups = self.sample(prompts, many, seed)
        finally:
            self._partial = told
        pad, micro = self._codec.pad_id, self._ppo.micro_batch_size
        return [varied(group, group_size, self._reference, pad, micro) for group in groups]

    def sample_base(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        given = [self._given(prompt, seed) for prompt in prompts]
        with self._reference.writing() as base:
            return self._side_by_side(base, given, group_size, seed, 0, lambda *passed: None)

    def _side_by_side(
        self,
        model: PreTrainedModel,
        prompts: Sequence[Prompt],
        group_size: int,
        seed: int,
        version: int,
        passed: Callable[[int, Sequence[Prompt], Sequence[torch.Tensor]], None],
    ) -> list[Group]:
        """As many prompts at a time as ROWS allows. `passed` is told after each step how many were
        finished before, those at hand, and their tokens so far."""
        groups: list[Group] = []
        many = max(ROWS // group_size, 1)
        for before in range(0, len(prompts), many):
            together = prompts[before : before + many]
            groups += sample_groups(
                model, self._codec, together, group_size, self._how, seed, version,
                functools.partial(passed, before, together), self._share.first,
            )  # fmt: skip
        return groups

    def sequence_kl(self, groups: Sequence[Group]) -> float:
        """Mean over completions of sum over tokens of log p - log p_ref, nats, under the policy
        that sampled them."""
        judged = [
            LabelledGroup(group, (0.0,) * len(group.completions), "", Mode.SCORE)
            for group in groups
        ]
        rollout = rollout_of(judged, self._codec.pad_id, self._policy.device)
        ref_logp = self._reference_logp(rollout)
        return per_sequence(rollout.old_logp - ref_logp, rollout.mask)

    def inspect(self, group: Group) -> Inspection:
        """See Engine."""
        asked = [LabelledGroup(group, (0.0,) * len(group.completions), "", Mode.SCORE)]
        rollout = rollout_of(asked, self._codec.pad_id, self._policy.device)
        ref_logp = self._reference_logp(rollout)
        rows = iter(ref_logp.tolist())
        # A completion without tokens has no row.
        return tuple(
            tuple(
                TokenView(self._codec.piece(token), logp)
                for token, logp in zip(c.token_ids, next(rows), strict=False)
            )
            if c.token_ids
            else ()
            for c in group.completions
        )

    def update(
        self,
        number: int,
        batch: Sequence[LabelledGroup],
        options: StepOptions | None = None,
        hurried: Callable[[], bool] = never,
    ) -> UpdateStats:
        """See Engine."""
        if number == self._state.version and self._state.last is not None:
            return self._state.last
        if number != self._state.version + 1:
            raise HitlError(f"update {number} asked of a policy that is at {self._state.version}")
        started = time.perf_counter()
        self._progress("update", 0, 0)
        options = options or self._config.step_options
        most = math.inf if options.further is None else options.further
        self._ppo = dataclasses.replace(
            self._ppo, lr=options.lr, lr_decay=options.lr_decay, target_kl=options.target_kl
        )
        for group in self._optimizer.param_groups:
            group["lr"] = options.lr
        for judged in batch:
            self._tell_if_unknown(judged)
        batch = [with_edit(group, self._codec, self._scale, self._logprobs) for group in batch]
        rollout = rollout_of(batch, self._codec.pad_id, self._policy.device)
        taught = self._learn_or_restore(
            number, batch, rollout, lambda made: made >= most or hurried()
        )
        stats = dataclasses.replace(taught.stats, seconds=time.perf_counter() - started)
        self._state = dataclasses.replace(taught.state, version=number, last=stats)
        self._labels = taught.labels
        give_back(self._policy.trained().values())
        return stats

    def logprob(self, prompt: str, text: str) -> float:
        """log p(text, end | prompt) under the policy, nats."""
        ids = self._codec.encode_completion(text, self._how.max_new_tokens)
        prompt_ids = self._codec.encode_prompt(prompt, self._how.max_new_tokens)
        return sum(self._logprobs(prompt_ids, ids))

    def save(self, directory: Path) -> Manifest:
        """See Engine."""
        self._progress("save", 0, 1)
        write = self._share.rank == 0 or not self._share.in_pieces
        state.save(directory, self._policy, self._codec, self._optimizer, self._state, write=write)
        if self._config.amplify == "on" and write:
            self._labels.save(directory)
        manifest = Manifest.of(directory)
        self._progress("save", 1, 1)
        return manifest

    def load(self, directory: Path) -> int:
        """See Engine."""
        labels = Labels.load(directory) if self._config.amplify == "on" else self._labels
        self._state = state.load(directory, self._policy, self._optimizer)
        self._labels = labels
        return self._state.version

    def close(self) -> None:
        """Nothing outlives the object."""

    def _given(self, prompt: Prompt, seed: int) -> Prompt:
        """What of a prompt the policy goes on from."""
        lengths = self._config.query_lengths
        return prompt if lengths is None else shortened(self._codec, prompt, lengths, seed)

    def _tell_if_cut(self, prompt: Prompt) -> None:
        """Once a text: it may be drawn and sampled many times."""
        left_out = self._codec.left_out(prompt.text, self._how.max_new_tokens)
        if left_out and prompt.text not in self._cut:
            self._cut.add(prompt.text)
            self._notice(
                Sentence(
                    "prompt {number} is too long for the policy: its first {left_out} tokens were "
                    "cut off, so that {new} more fit into its {context}",
                    number=prompt.number,
                    left_out=left_out,
                    new=self._how.max_new_tokens,
                    context=self._codec.context,
                )
            )

    def _tell_if_unknown(self, group: LabelledGroup) -> None:
        """Once a character: in the operator's own text, one that is not in the vocabulary."""
        if group.edit is None:
            return
        unknown = [c for c in self._codec.unknown(group.edit) if c not in self._unknown]
        if unknown:
            self._unknown.update(unknown)
            self._notice(
                Sentence(
                    "your own text for group {number} has what the policy has no token for, and "
                    "learns as {token}: {unknown}",
                    number=group.group.prompt.number,
                    token=self._codec.tokenizer.unk_token,
                    unknown=" ".join(unknown),
                )
            )

    def _logprobs(self, prompt_ids: tuple[int, ...], ids: tuple[int, ...]) -> tuple[float, ...]:
        """(T,) log-probabilities of `ids` after a prompt, under the policy."""
        unknown = Completion("", ids, (0.0,) * len(ids), finished=True)
        alone = Group(Prompt(""), prompt_ids, (unknown,), self.version)
        rollout = rollout_of(
            [LabelledGroup(alone, (0.0,), "", Mode.SCORE)], self._codec.pad_id, self._policy.device
        )
        logp = evaluate_all(self._policy, rollout, self._how, 1).logp
        return tuple(logp[0].tolist())

    def _reference_logp(self, rollout: Rollout) -> torch.Tensor:
        """(B, T) log-probabilities under the base policy. No rows, as of a group whose completions
        are all empty, are no question to a model."""
        if not len(rollout.ids):
            return torch.zeros_like(rollout.old_logp)
        micro = self._ppo.micro_batch_size
        return evaluate_all(self._reference, rollout, self._how, micro).logp

    def _learn_or_restore(
        self,
        number: int,
        batch: Sequence[LabelledGroup],
        rollout: Rollout,
        enough: Callable[[int], bool],
    ) -> Taught:
        """Whatever goes wrong, the weights are those from before. Out of memory is tried again in
        smaller pieces, which add up to the same."""
        before = Before(self._optimizer)
        while True:
            try:
                learner = Learner(
                    self._policy, self._reference, self._optimizer, self._codec, self._how,
                    self._ppo, self._share,
                )  # fmt: skip
                before_it = Known(self._state, self._labels)
                taught = teach(
                    learner, before_it, number, batch, rollout, self._config, self._passed, before,
                    enough,
                )  # fmt: skip
                stats = dataclasses.replace(taught.stats, digest=self.digest())
                return dataclasses.replace(taught, stats=stats)
            except ppo.NonFiniteUpdateError as error:
                before.restore()
                raise UpdateRefusedError(
                    Sentence("update {number} was undone, {why}", number=number, why=str(error))
                ) from error
            except torch.OutOfMemoryError as error:
                too_much = Sentence(
                    "update {number} was undone, one completion does not fit into memory",
                    number=number,
                )
                if self._share.in_pieces:
                    raise NoRoomError(too_much) from error
                before.restore()
                if self._ppo.micro_batch_size == 1:
                    raise UpdateRefusedError(too_much) from error
            except BaseException:
                before.restore()
                raise
            # Only here is all gone that the error held, and what it took can be given back.
            smaller = self._ppo.micro_batch_size // 2
            self._ppo = dataclasses.replace(self._ppo, micro_batch_size=smaller)
            if self._policy.device.type == "cuda":
                torch.cuda.empty_cache()  # pieces of the old size are of no use now

    def _passed(self, done: int, total: int) -> None:
        reach("update:learning")
        self._progress("update", done, total)


def _digest_of_frozen(policy: Policy) -> dict[str, torch.Tensor]:
    """One small tensor that stands for all weights that are never trained, if there are any."""
    frozen = {name: p for name, p in policy.named_parameters() if not p.requires_grad}
    if not frozen:
        return {}
    return {"base": torch.tensor(list(bytes.fromhex(digest(frozen.items()))), dtype=torch.uint8)}
