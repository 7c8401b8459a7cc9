"""Base policy and policy on fixed prompts, written while the engine has nothing else to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from hitl.engine import Engine, EngineThread
from hitl.operator import Contrasted, Event
from hitl.records import Prompt


class Study:
    """One completion a prompt and policy. The prompts are those of the run's own groups, under
    negative numbers: keyed as no group is, so that the same texts come whenever they are asked for
    and nothing of the run depends on it."""

    def __init__(
        self,
        engine: EngineThread,
        prompt: Callable[[int], Prompt],
        seed: int,
        notify: Callable[[Event], None],
    ) -> None:
        self._engine = engine
        self._prompt = prompt
        self._seed = seed
        self._notify = notify
        self._asked: set[int] = set()
        self._work: deque[Future[None]] = deque()

    def contrast(self, numbers: Sequence[int]) -> None:
        """See Desk. Called from the operator's thread."""
        for number in numbers:
            if number not in self._asked:
                self._asked.add(number)
                self._work.append(self._engine.when_idle(partial(self._write, number)))

    def raise_errors(self) -> None:
        """Raises what went wrong in the engine's thread."""
        while self._work and self._work[0].done():
            self._work.popleft().result()

    def _write(self, number: int, engine: Engine) -> None:
        self._asked.discard(number)
        prompt = Prompt(self._prompt(number).text, -number)
        [before] = engine.sample_base([prompt], 1, self._seed)
        [after] = engine.sample([prompt], 1, self._seed)
        self._notify(
            Contrasted(
                number=number,
                version=engine.version,
                prompt=prompt.text,
                before=before.completions[0].text,
                after=after.completions[0].text,
            )
        )
