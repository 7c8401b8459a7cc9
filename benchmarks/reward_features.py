"""What the reward model of --amplify can know after so many labels, and of what.

    python benchmarks/reward_features.py [zh en] [--encoder FOLDER]

Groups of four by the base policy; the shipped classifier's opinion of them, as unsteady as
people's, is the ranking that a reward model is fitted to, and its steady opinion of other groups
the order that the model is to find. Prints the share of pairs that it finds, mean over draws of the
groups, for the features that are used and for the mean of a completion's embeddings alone: what one
that knows words and nothing of their company could tell; with `--encoder` for those of a sentence
encoder too, as `hitl pretrain --encoder` reads it. Below stands what the gold scorer of
`learning.py` finds, which learned from thousands of other texts, and how far apart the texts of a
group are.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
import tyro
from gold import gold_scorer
from learning_methods import Lang
from torch import Tensor

from hitl.config.session import SessionConfig
from hitl.learn.alike import Encoder
from hitl.learn.build import build
from hitl.learn.features import DEPTHS, features
from hitl.learn.judge import Scale, fit
from hitl.learn.labels import Labels
from hitl.learn.rollout import rollout_of
from hitl.learn.sampling import Sampling, sample_groups
from hitl.learn.scorers import Scorer
from hitl.learn.share import ALONE
from hitl.models import resolve
from hitl.prompts import prompts_of
from hitl.records import LabelledGroup, Mode, Prompt
from hitl.simulate import full_texts
from hitl.unsteady import Unsteadiness, perceived

GROUPS, SIZE, HELD_OUT, DRAWS = 320, 4, 80, 12
CLEAR = 0.5
LABELLED = (16, 32, 64, 240)
"""Groups that a model is fitted to."""
KINDS = {"as used": DEPTHS, "embeddings": (0.0,)}


def main(
    langs: tyro.conf.Positional[tuple[Lang, ...]] = ("zh", "en"), encoder: Path | None = None
) -> None:
    """What the reward model can know after so many labels, and of what."""
    print("| policy | features |", *(f"{SIZE * n} labels |" for n in LABELLED))
    print("|---|---|" + "---|" * len(LABELLED))
    for lang in langs:
        utilities, gold, kinds = looked_at(lang, encoder)
        for name, seen in kinds.items():
            depths = len(KINDS[name]) if name in KINDS else 1
            found = [share_found(seen, depths, utilities, n) for n in LABELLED]
            print(f"| tiny-{lang} | {name} |", *(f"{share:.2f} |" for share in found), flush=True)
        apart, by_gold = differences(utilities), differences(gold)
        alike = (by_gold > 0)[apart > 0].double().mean()
        clear = (apart > CLEAR).sum() / (apart > 0).sum()
        print(
            f"tiny-{lang}: the gold scorer finds {alike:.2f}; texts of a group deviate by "
            f"{deviation(utilities):.2f}, by gold reward {deviation(gold):.2f}; {clear:.0%} of "
            f"pairs are more than {CLEAR} apart"
        )


def differences(utilities: Tensor) -> Tensor:
    """(G, k, k) of (G, k), each less each other of its group."""
    return utilities[:, :, None] - utilities[:, None, :]


def deviation(utilities: Tensor) -> float:
    """Within groups, of (G, k)."""
    return float(utilities.var(1, correction=0).mean().sqrt())


def looked_at(lang: Lang, encoder: Path | None) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The judge's utilities (G, k) of the base policy's completions, their gold rewards, and their
    features (G, k, D), by kind."""
    config = SessionConfig(lang=lang, threads=1)
    source = resolve(f"tiny-{lang}", Path("checkpoints"), "policy")
    made = build(source, config, torch.device("cpu"), ALONE, lambda *at: None)
    texts, how, groups = prompts_of(config), Sampling(config.max_new_tokens), []
    for first in range(0, GROUPS, 16):
        prompts = [Prompt(texts[n % len(texts)], n) for n in range(first, first + 16)]
        groups += sample_groups(
            made.policy.model, made.codec, prompts, SIZE, how, 1, 0, lambda tokens: None
        )
    judge = Scorer(resolve(f"sentiment-{lang}", Path("checkpoints")))
    utilities = torch.tensor([judge(full_texts(group)) for group in groups], dtype=torch.float64)
    judged = [LabelledGroup(group, (0.0,) * SIZE, "", Mode.RANK) for group in groups]
    rollout = rollout_of(judged, made.codec.pad_id, torch.device("cpu"))
    kinds = {
        name: features(made.reference, rollout, 64, depths=depths).unflatten(0, (GROUPS, SIZE))
        for name, depths in KINDS.items()
    }
    if encoder is not None:
        every = [text for group in groups for text in full_texts(group)]
        kinds["an encoder's"] = Encoder.load(encoder)(every).unflatten(0, (GROUPS, SIZE))
    gold = gold_scorer(lang)
    rewards = torch.tensor([gold(full_texts(group)) for group in groups], dtype=torch.float64)
    return utilities, rewards, kinds


def share_found(seen: Tensor, depths: int, utilities: Tensor, labelled: int) -> float:
    """Of pairs in groups that the model was not fitted to, those it puts in the judge's order."""
    right = pairs = 0
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(draw)
        order = torch.randperm(GROUPS, generator=generator)
        fitted, others = order[:labelled], order[-HELD_OUT:]
        base = seen[others].flatten(0, 1)
        scale = Scale.of(base, depths)
        model = fit(labels_of(seen[fitted], utilities[fitted], draw), base, scale, generator)
        said = model(base, 0.0).unflatten(0, (HELD_OUT, SIZE))
        better = differences(utilities[others]) > 0
        right += int((said[:, :, None] > said[:, None, :])[better].sum())
        pairs += int(better.sum())
    return right / pairs


def labels_of(seen: Tensor, utilities: Tensor, draw: int) -> Labels:
    """Centred ranks as a person as unsteady as people would give them."""
    chance, how = random.Random(draw), Unsteadiness(noise=None)
    felt = [perceived(row, how, n, chance) or row for n, row in enumerate(utilities.tolist())]
    ranks = torch.tensor(felt).argsort(1).argsort(1).double()
    n, k = utilities.shape
    none = torch.zeros(n * k, 1, dtype=torch.long)
    group = torch.arange(n).repeat_interleave(k)
    return Labels(seen.flatten(0, 1), (ranks - ranks.mean()).flatten(), group, none, none[:, 0])


if __name__ == "__main__":
    tyro.cli(main)
