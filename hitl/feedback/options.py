"""Learning rate and KL budget, typed in the middle of a run."""

from __future__ import annotations

import re

from hitl.errors import UsageError
from hitl.feedback.typed import NUMBER, normalise, quoted, refusal
from hitl.tuning import Tune
from hitl.wording import Sentence

_OPTION = re.compile(r"\b(?P<what>lr|kl)[\s:=]*(?P<value>[^\s,]+)")


def parse_options(text: str) -> Tune:
    """`lr 1e-4 kl 4`, one of them or both, in any order.

    Raises FeedbackError for anything else.
    """
    line = normalise(text).lower()
    given = {match["what"]: match["value"] for match in _OPTION.finditer(line)}
    if not given or _OPTION.sub("", line).strip(", "):
        raise refusal(
            "{text} names no learning rate or KL budget: type such as lr 1e-4 kl 4",
            text=quoted(text),
        )
    changes = [tune(what, value) for what, value in given.items()]
    return Tune(
        next((change.lr for change in changes if change.lr is not None), None),
        next((change.target_kl for change in changes if change.target_kl is not None), None),
    )


def tune(what: str, value: str) -> Tune:
    """`lr 1e-4` and `kl 4`."""
    wanted = Sentence("such as lr 1e-4") if what == "lr" else Sentence("in nats, such as kl 4")
    if not NUMBER.fullmatch(value):
        raise refusal(
            "{text} is no number: type {what} and one, {wanted}",
            text=quoted(value),
            what=what,
            wanted=wanted,
        )
    try:
        return Tune(lr=float(value)) if what == "lr" else Tune(target_kl=float(value))
    except UsageError as error:
        raise refusal("{what}, {wanted}", what=error.said, wanted=wanted) from None
