"""The engine on this machine: policy, reference and optimizer in one process."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from hitl.config.ppo import PPOConfig
from hitl.config.session import SessionConfig
from hitl.engine import UpdateRefusedError
from hitl.errors import HitlError
from hitl.faultpoints import reach
from hitl.learn import ppo, state
from hitl.learn.keyed import generator, seed_of
from hitl.learn.moments import Moments
from hitl.learn.policy import Loaded, Policy, digest, load_model, named_weights
from hitl.learn.rollout import Rollout, rollout_of
from hitl.learn.sampling import Sampling, sample_group
from hitl.learn.state import TrainerState
from hitl.learn.step import Expected, per_sequence, ppo_step
from hitl.manifest import Manifest
from hitl.records import (
    Completion,
    Group,
    Inspection,
    LabelledGroup,
    Mode,
    Prompt,
    TokenView,
    UpdateStats,
)
from hitl.scale import Scale

OnProgress = Callable[[str, int, int], None]
"""Told (stage, done, total) as the engine works."""


def pick_device(name: str) -> torch.device:
    """`auto` is the first GPU if there is one. Raises HitlError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise HitlError(f"--device {name!r} is no device: use auto, cpu or cuda[:N]") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise HitlError(f"--device {name}: no GPU was found here; use --device cpu")
    return device


class LocalEngine:
    """Implements hitl.engine.Engine. Weights after update N are a function of the base policy,
    the config and the batches alone; on CPU bit for bit."""

    def __init__(self, source: Path | str, config: SessionConfig, on_progress: OnProgress) -> None:
        on_progress("load", 0, 2)
        self._config = config
        self._ppo: PPOConfig = config.ppo
        self._how = Sampling(config.max_new_tokens, config.temperature, config.top_k, config.top_p)
        self._progress = on_progress
        device = pick_device(config.device)
        if config.threads is not None and device.type == "cpu":
            torch.set_num_threads(config.threads)  # the order of sums, and so the last bits
        trusted = config.trust_remote_code
        loaded = _load(source, device, trusted)
        self._codec = loaded.codec
        if config.max_new_tokens >= self._codec.context:
            raise HitlError(
                f"--max-new-tokens {config.max_new_tokens} leaves no room for a prompt: "
                f"{config.base_policy} takes {self._codec.context} tokens in all"
            )
        seed = seed_of(config.seed, "value head")
        self._policy = Policy(loaded.model, seed).to(device)
        on_progress("load", 1, 2)
        self._reference = Policy(_load(source, device, trusted).model, seed).to(device)
        self._reference.requires_grad_(False)
        self._optimizer = torch.optim.Adam(
            self._policy.parameters(),
            lr=self._ppo.lr,
            betas=self._ppo.adam_betas,
            eps=self._ppo.adam_eps,
            fused=True,
        )
        self._state = TrainerState(0, self._ppo.init_kl_coef, {}, None)
        on_progress("load", 2, 2)

    @property
    def version(self) -> int:
        """Updates the policy has had."""
        return self._state.version

    def digest(self) -> str:
        """SHA-256 of the weights of policy and value head."""
        return digest(named_weights(self._policy).items())

    def sample(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        longest = self._how.max_new_tokens

        def sample(place: int, prompt: Prompt) -> Group:
            return sample_group(
                self._policy.model,
                self._codec,
                prompt,
                group_size,
                self._how,
                seed,
                self._state.version,
                lambda done: self._progress(
                    "sample", place * longest + done, len(prompts) * longest
                ),
            )

        return [sample(place, prompt) for place, prompt in enumerate(prompts)]

    def sample_base(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See Engine."""
        base = self._reference.model
        return [
            sample_group(
                base, self._codec, prompt, group_size, self._how, seed, 0, lambda done: None
            )
            for prompt in prompts
        ]

    def sequence_kl(self, groups: Sequence[Group]) -> float:
        """Mean over completions of sum over tokens of log p - log p_ref, nats, under the policy
        that sampled them."""
        judged = [
            LabelledGroup(group, (0.0,) * len(group.completions), "", Mode.SCORE)
            for group in groups
        ]
        rollout = rollout_of(judged, self._codec.pad_id, self._policy.device)
        micro = self._ppo.micro_batch_size
        ref_logp, _, _ = ppo.evaluate_all(self._reference, rollout, self._how, micro)
        return per_sequence(rollout.old_logp - ref_logp, rollout.mask)

    def inspect(self, group: Group) -> Inspection:
        """See Engine."""
        asked = [LabelledGroup(group, (0.0,) * len(group.completions), "", Mode.SCORE)]
        rollout = rollout_of(asked, self._codec.pad_id, self._policy.device)
        micro = self._ppo.micro_batch_size
        ref_logp, _, _ = ppo.evaluate_all(self._reference, rollout, self._how, micro)
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

    def update(self, number: int, batch: Sequence[LabelledGroup]) -> UpdateStats:
        """See Engine."""
        if number == self._state.version and self._state.last is not None:
            return self._state.last
        if number != self._state.version + 1:
            raise HitlError(f"update {number} asked of a policy that is at {self._state.version}")
        started = time.perf_counter()
        batch = [self._with_edit(group) for group in batch]
        rollout = rollout_of(batch, self._codec.pad_id, self._policy.device)
        stats, moments, kl_coef = self._learn_or_restore(number, batch, rollout)
        stats = dataclasses.replace(
            stats, seconds=time.perf_counter() - started, digest=self.digest()
        )
        self._state = TrainerState(number, kl_coef, moments, stats)
        return stats

    def logprob(self, prompt: str, text: str) -> float:
        """log p(text, end | prompt) under the policy, nats."""
        ids = self._codec.encode_completion(text, self._how.max_new_tokens)
        prompt_ids = self._codec.encode_prompt(prompt, self._how.max_new_tokens)
        return float(self._logprobs(prompt_ids, ids).sum())

    def save(self, directory: Path) -> Manifest:
        """See Engine."""
        self._progress("save", 0, 1)
        state.save(directory, self._policy, self._codec, self._optimizer, self._state)
        manifest = Manifest.of(directory)
        self._progress("save", 1, 1)
        return manifest

    def load(self, directory: Path) -> int:
        """See Engine."""
        self._state = state.load(directory, self._policy, self._optimizer)
        return self._state.version

    def close(self) -> None:
        """Nothing outlives the object."""

    def _with_edit(self, group: LabelledGroup) -> LabelledGroup:
        """The group with the operator's own text as one more completion, of the top reward.

        No policy sampled it, so there is no behaviour to correct for: its log-probabilities are
        those of the policy as the update begins. The first pass then raises its likelihood in
        proportion to the advantage, and clipping bounds the rest as for any other completion.
        """
        if group.edit is None:
            return group
        sampled = group.group
        top = Scale.parse(self._config.scale).high if group.mode is Mode.SCORE else 1.0
        text = group.edit
        if not (self._codec.is_bert or sampled.prompt.text[-1:].isspace() or text[:1].isspace()):
            text = f" {text}"  # a word after a word: where sampled completions have their space
        room = self._codec.context - len(sampled.prompt_ids)
        ids = self._codec.encode_completion(text, room)
        logprobs = tuple(self._logprobs(sampled.prompt_ids, ids).tolist())
        edited = Completion(text, ids, logprobs, finished=True)
        return dataclasses.replace(
            group,
            group=dataclasses.replace(sampled, completions=(*sampled.completions, edited)),
            rewards=(*group.rewards, top),
        )

    def _logprobs(self, prompt_ids: tuple[int, ...], ids: tuple[int, ...]) -> torch.Tensor:
        """(T,) log-probabilities of `ids` after a prompt, under the policy."""
        unknown = Completion("", ids, (0.0,) * len(ids), finished=True)
        alone = Group(Prompt(""), prompt_ids, (unknown,), self.version)
        rollout = rollout_of(
            [LabelledGroup(alone, (0.0,), "", Mode.SCORE)], self._codec.pad_id, self._policy.device
        )
        logp, _, _ = ppo.evaluate_all(self._policy, rollout, self._how, 1)
        return logp[0]

    def _learn_or_restore(
        self, number: int, batch: Sequence[LabelledGroup], rollout: Rollout
    ) -> tuple[UpdateStats, dict[str, Moments], float]:
        """Whatever goes wrong, the weights are those from before. Out of memory is tried again in
        smaller pieces, which add up to the same."""
        before = ppo.snapshot(self._policy, self._optimizer)
        while True:
            try:
                return self._learn(number, batch, rollout)
            except ppo.NonFiniteUpdateError as error:
                ppo.restore(self._policy, self._optimizer, before)
                raise UpdateRefusedError(f"update {number} was undone, {error}") from error
            except torch.OutOfMemoryError as error:
                ppo.restore(self._policy, self._optimizer, before)
                smaller = self._ppo.micro_batch_size // 2
                if smaller == 0:
                    raise UpdateRefusedError(
                        f"update {number} was undone, one completion does not fit into memory"
                    ) from error
                self._ppo = dataclasses.replace(self._ppo, micro_batch_size=smaller)
            except BaseException:
                ppo.restore(self._policy, self._optimizer, before)
                raise

    def _learn(
        self, number: int, batch: Sequence[LabelledGroup], rollout: Rollout
    ) -> tuple[UpdateStats, dict[str, Moments], float]:
        config, kl_coef = self._ppo, self._state.kl_coef
        if len(rollout.ids) == 0:
            idle = _idle(
                number, rollout, kl_coef, "nothing in the batch was judged: nothing learned"
            )
            return idle, self._state.moments, kl_coef
        result = ppo_step(
            self._policy,
            self._reference,
            self._optimizer,
            self._scaled(rollout),
            self._how,
            config,
            kl_coef,
            self._expected(batch, rollout),
            lambda epoch: torch.randperm(
                len(rollout.ids),
                generator=generator(self._config.seed, "order", number, epoch),
            ),
            self._passed,
        )
        outcome = result.outcome
        stats = UpdateStats(
            number=number,
            labels=len(rollout.ids),
            reward=float(rollout.score.mean()),
            reward_std=float(rollout.score.std(correction=0)),
            sequence_kl=result.sequence_kl,
            kl_coef=result.kl_coef,
            policy_loss=outcome.policy_loss,
            value_loss=outcome.value_loss,
            entropy=outcome.entropy,
            clip_fraction=outcome.clip_fraction,
            step_kl=outcome.step_kl,
            gradient_norm=outcome.gradient_norm,
            epochs=outcome.epochs,
            seconds=0.0,
            notices=tuple(self._notices(batch, rollout, outcome)),
        )
        return stats, self._moments_after(batch), result.kl_coef

    def _passed(self, done: int, total: int) -> None:
        reach("update:learning")
        self._progress("update", done, total)

    def _notices(
        self, batch: Sequence[LabelledGroup], rollout: Rollout, outcome: ppo.Outcome
    ) -> list[str]:
        notices = []
        if float(rollout.score.std(correction=0)) == 0.0:
            notices.append("all labels of this batch are equal: it can teach only a little")
        if outcome.stopped and outcome.epochs == 0:
            notices.append(
                "one pass would have moved the policy too far, so nothing was learned: lower --lr"
            )
        return notices

    def _scaled(self, rollout: Rollout) -> Rollout:
        """Scores as the classic step wants them: clipped, if at all. The human preset divides by
        the operator's deviation instead."""
        clip = self._ppo.score_clip
        if clip is None or self._ppo.advantage != "gae":
            return rollout
        return dataclasses.replace(rollout, score=rollout.score.clamp(-clip, clip))

    def _expected(self, batch: Sequence[LabelledGroup], rollout: Rollout) -> Expected:
        """What the operators have given until now, without this batch."""
        judged = [batch[int(g)] for g in rollout.group]
        moments = [self._moments_of(group) for group in judged]
        floors = [self._ppo.std_floor * self._prior(group.mode).std for group in judged]
        device = rollout.score.device
        return Expected(
            mean=torch.tensor([m.mean for m in moments], device=device),
            std=torch.tensor(
                [max(m.std, floor) for m, floor in zip(moments, floors, strict=True)],
                device=device,
            ),
        )

    def _moments_of(self, group: LabelledGroup) -> Moments:
        known = self._state.moments.get(_judge(group))
        return known if known is not None else self._prior(group.mode)

    def _prior(self, mode: Mode) -> Moments:
        if mode is Mode.SCORE:
            scale = Scale.parse(self._config.scale)
            return Moments(scale.middle, scale.spread**2, self._ppo.prior_labels)
        return Moments(0.0, 5 / 9, self._ppo.prior_labels)  # centred ranks of 4: ±1, ±1/3

    def _moments_after(self, batch: Sequence[LabelledGroup]) -> dict[str, Moments]:
        after = dict(self._state.moments)
        by_judge: dict[str, list[LabelledGroup]] = {}
        for group in batch:
            by_judge.setdefault(_judge(group), []).append(group)
        for judge, groups in by_judge.items():
            rewards = [r for g in groups for r in g.rewards if not math.isnan(r)]
            before = self._moments_of(groups[0])
            after[judge] = before.updated(rewards, self._ppo.baseline_memory)
        return after


def _judge(group: LabelledGroup) -> str:
    return f"{group.operator}/{group.mode}"


def _idle(number: int, rollout: Rollout, kl_coef: float, notice: str) -> UpdateStats:
    """Stats of an update that changed nothing."""
    mean = float(rollout.score.mean()) if len(rollout.ids) else math.nan
    return UpdateStats(
        number, len(rollout.ids), mean, 0.0, 0.0, kl_coef, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0,
        notices=(notice,),
    )  # fmt: skip


def _load(source: Path | str, device: torch.device, trust_remote_code: bool) -> Loaded:
    try:
        return load_model(source, device, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        if "trust_remote_code" in str(error):  # of the hub: a folder was looked at before
            raise HitlError(
                f"the policy {str(source)!r} asks to run code of its own, which can do whatever "
                "you can: read it, and add --trust-remote-code if you trust it"
            ) from error
        raise HitlError(
            f"the policy {str(source)!r} could not be loaded ({_first_line(error)}): "
            "use --policy tiny-zh, --policy tiny-en, or a local folder"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")
