"""Keys into a ranking: what is on the cards while a group is put in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Order:
    """Ranks by place on the screen, 1 is best, 0 is none yet. Ties count as in sport: 1 2 2 4."""

    ranks: tuple[int, ...]
    history: tuple[int, ...] = ()
    """Places in the order they were given, for Backspace."""
    tie: bool = False
    """The next digit ties with the one before."""

    @classmethod
    def restored(cls, entries: tuple[str, ...]) -> Order:
        """From a draft."""
        ranks = tuple(int(e) if e.isdecimal() else 0 for e in entries)
        placed = sorted((p for p, r in enumerate(ranks) if r), key=lambda p: (ranks[p], p))
        return cls(ranks, tuple(placed))

    @property
    def entries(self) -> tuple[str, ...]:
        """For a draft."""
        return tuple(str(rank) if rank else "" for rank in self.ranks)

    @property
    def complete(self) -> bool:
        return all(self.ranks)

    def put(self, place: int) -> Order:
        """The card at `place` comes next; the last one left is placed by itself."""
        tied = self.tie and self.history
        rank = self.ranks[self.history[-1]] if tied else len(self.history) + 1
        order = self._with(place, rank)
        left = order._left()
        return order._with(left[0], len(order.history) + 1) if len(left) == 1 else order

    def level(self) -> Order:
        """The cards without a rank share the next one."""
        left = self._left()
        shared = len(self.history) + 1
        ranks = tuple(rank or shared for rank in self.ranks)
        return Order(ranks, (*self.history, *left))

    @property
    def names_best_and_worst(self) -> bool:
        """Whether two cards of more have a place, one after the other."""
        return len(self.history) == 2 and len(set(self.ranks)) == 3

    def best_and_worst(self) -> Order:
        """The second card placed is the worst, and those without a rank tie between the two."""
        best, worst = self.history
        return _ranked([[best], list(self._left()), [worst]], len(self.ranks))

    def shift(self, place: int, by: int) -> Order:
        """Moves a card that has a rank up (-1) or down (1) in the order: past its neighbours, or
        out of a tie."""
        levels = self._levels()
        at = next(n for n, level in enumerate(levels) if place in level)
        if len(levels[at]) > 1:
            levels[at].remove(place)
            levels.insert(at if by < 0 else at + 1, [place])
        elif 0 <= at + by < len(levels):
            levels[at], levels[at + by] = levels[at + by], levels[at]
        return _ranked(levels, len(self.ranks))

    def erase(self) -> Order:
        """Takes the last card back. Not to be asked when nothing was given."""
        if self.tie:
            return replace(self, tie=False)
        *before, last = self.history
        ranks = (*self.ranks[:last], 0, *self.ranks[last + 1 :])
        return Order(ranks, tuple(before))

    def _with(self, place: int, rank: int) -> Order:
        ranks = (*self.ranks[:place], rank, *self.ranks[place + 1 :])
        return Order(ranks, (*self.history, place))

    def _left(self) -> tuple[int, ...]:
        return tuple(place for place, rank in enumerate(self.ranks) if not rank)

    def _levels(self) -> list[list[int]]:
        """Places that share a rank, best first."""
        given = sorted({rank for rank in self.ranks if rank})
        return [[p for p, rank in enumerate(self.ranks) if rank == level] for level in given]


def _ranked(levels: Sequence[Sequence[int]], places: int) -> Order:
    """The order of these levels, best first."""
    ranks, history = [0] * places, list[int]()
    for level in levels:
        for place in level:
            ranks[place] = len(history) + 1
        history += level
    return Order(tuple(ranks), tuple(history))
