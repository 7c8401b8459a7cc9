"""The nouns of the project: what is asked, sampled, judged and learned.

Everything imports this module and it imports nothing of ours. The words mean what DESIGN says:
a *group* is the completions of one prompt that are judged together, a *judgement* is what the
operator said of a group, a *label* is one completion with a usable judgement, a *reward* is the
scalar that reaches PPO (NaN: excluded, never 0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hitl.wording import Sentence


class Mode(StrEnum):
    """How a group is judged. Modes are never mixed within one update."""

    SCORE = "score"
    RANK = "rank"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text to complete, as the `number`-th draw of a run.

    `number` counts groups from 1 and keys the random generator of the group; `attempt` is raised
    when the operator asks for other completions of the same prompt.
    """

    text: str
    number: int = 0
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """Sampled tokens (T,) with the log-probability (T,) of each under the policy that sampled it.

    The end token, when it was sampled, is the last of `token_ids` (`finished` is true) and is not
    part of `text`. Training uses the ids; the text is for people and scorers.
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The completions of one prompt, and how they were sampled."""

    prompt: Prompt
    prompt_ids: tuple[int, ...]
    completions: tuple[Completion, ...]
    policy_version: int
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    @property
    def key(self) -> tuple[int, int]:
        """Identity of the group within its run: (number, attempt)."""
        return self.prompt.number, self.prompt.attempt


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as a person can read it."""

    text: str
    """Its piece of the completion; the end token's own name."""
    ref_logp: float
    """log p under the reference, nats."""


Inspection = tuple[tuple[TokenView, ...], ...]
"""One entry a completion of a group, one `TokenView` a token."""


@dataclass(frozen=True, slots=True)
class Scores:
    """One score a completion, in the order of the group; None where a completion is left out."""

    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """One rank a completion, 1 is best; equal ranks are ties; None where one is left out."""

    ranks: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """The operator's own text; it becomes the best of its group."""

    text: str
    rest: Scores | Ranking | None = None
    """What was said of the sampled completions before; None when nothing was."""
    of: int | None = None
    """Index of the completion it was rewritten from; None when that is not known."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """None of the `count` completions will do: "both bad". An opinion, unlike a tie, which says
    nothing of how good the two are, and unlike a skip."""

    count: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Seen, and no opinion: nothing is learned from the group."""


Verdict = Scores | Ranking | Edit | Rejected | Skip


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an operator said of a group, and how: the most expensive data there is."""

    group: tuple[int, int]
    verdict: Verdict
    operator: str
    mode: Mode
    seconds: float = 0.0
    """From the group's appearance to the commit."""
    keys: str = ""
    """The raw keys, or the typed line."""
    shown: tuple[int, ...] = ()
    """Index of the completion in each place of the screen, top to bottom."""
    note: str = ""
    flag: bool = False

    @property
    def labels(self) -> int:
        """Completions with a usable judgement."""
        match self.verdict:
            case Scores(given) | Ranking(given):
                return sum(value is not None for value in given)
            case Edit(rest=Scores(given) | Ranking(given)):
                return 1 + sum(value is not None for value in given)
            case Edit():
                return 1
            case Rejected(count):
                return count
            case Skip():
                return 0


@dataclass(frozen=True, slots=True)
class JudgedGroup:
    """A group with the judgement of it, as the journal gives it back."""

    id: int
    """The judgement's number in the journal; an update names the ids it consumed."""
    group: Group
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class JudgedTexts:
    """What an operator read and what they said of it: a judged group without its tokens."""

    prompt: Prompt
    texts: tuple[str, ...]
    """(k,) completions."""
    finished: tuple[bool, ...]
    """(k,) whether the policy ended each itself."""
    policy_version: int
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class LabelledGroup:
    """A group with one reward a completion: what an update learns from."""

    group: Group
    rewards: tuple[float, ...]
    """(k,) on the operator's own scale; NaN is excluded."""
    operator: str
    mode: Mode
    edit: str | None = None
    """The operator's own completion of the prompt, better than all of the group."""
    edit_at: int | None = None
    """Index of the completion that it has become, which no policy sampled; None while it is none
    of them."""


@dataclass(frozen=True, slots=True)
class StepOptions:
    """What may be another for the next update."""

    lr: float
    """Learning rate of Adam."""
    target_kl: float
    """KL to the reference to stay near, nats a sequence."""
    lr_decay: float | None = None
    """Labels after which `lr` has fallen to its 1/√2, and goes on as 1/√labels; None: it stays."""
    further: int | None = None
    """Further steps on texts nobody read (`--amplify`), at most; None: as many as the config
    says."""


@dataclass(frozen=True, slots=True)
class UpdateStats:
    """What one PPO update saw and did. Units: rewards in the operator's scale, KL and entropy in
    nats, per sequence where the name says so, per token otherwise."""

    number: int
    labels: int
    reward: float
    """Mean reward of the labels consumed."""
    reward_std: float
    sequence_kl: float
    """Mean KL of a completion to the reference, before the update."""
    kl_coef: float
    policy_loss: float
    value_loss: float
    entropy: float
    clip_fraction: float
    step_kl: float
    """How far the update itself moved the policy: exact KL(before || after), mean a token."""
    gradient_norm: float
    epochs: int
    """Passes over the batch that were made; fewer than asked when the KL stop ended it."""
    seconds: float
    digest: str = ""
    """SHA-256 of the weights after the update."""
    notices: tuple[str, ...] = field(default=())
    """What the operator should know, in plain words: no variance, KL stop, rolled back."""
    lr: float = 0.0
    """Learning rate it was made with."""
    target_kl: float = 0.0
    """KL budget it was made with, nats a sequence."""
    staleness: float = 0.0
    """Mean over labels of the updates between the policy that sampled and the one that learned."""
    own_texts: int = 0
    """Completions nobody read that it learned from besides, judged by a reward model of the labels
    (`--amplify`); 0 where there is no such model, or it was not good enough."""
    own_accuracy: float | None = None
    """Share of the operator's pairs that this model, fitted to the others, puts in their order;
    None where that cannot be told."""
    own_steps: int | None = None
    """Steps it made on them; fewer than the config says where somebody waited. None in a journal
    from before they were counted."""

    @property
    def own_words(self) -> str:
        """What was learned from whom besides the operator's labels, for the operator; "" where no
        reward model of them was asked for."""
        if self.own_accuracy is None:
            return ""
        if self.own_texts == 0:
            return Sentence(
                "a model of your labels was not asked: right on {share:.0%} of your pairs that it "
                "had not seen",
                share=self.own_accuracy,
            )
        return Sentence(
            "then {texts} texts nobody read, judged by a model of your labels, right on "
            "{share:.0%} of your pairs that it had not seen",
            texts=self.own_texts,
            share=self.own_accuracy,
        )

    @property
    def options(self) -> StepOptions:
        """To make the update again."""
        return StepOptions(self.lr, self.target_kl, further=self.own_steps)
