"""Every key, once: the bindings of the screens and the help page are both made from here.

An id names what a key does and never changes, so that a person's own keymap file can refer to it.
Full-width forms, which an input method sends, are aliases of the plain ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.binding import Binding

NAMED = {
    "enter": ("group.enter", "Enter"),
    "edit": ("group.edit", "e"),
    "tokens": ("group.tokens", "i"),
}
"""Keys that the tooltip of another one names: id and usual key by the name it has there."""


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a key does."""

    id: str
    keys: str
    """As Textual writes them, with commas between."""
    shown: str
    """As the help writes them; "" leaves the key out of the help."""
    action: str
    tooltip: str
    """What it does, with the names of `NAMED` in braces: see `named`."""

    def binding(self) -> Binding:
        return Binding(
            self.keys,
            self.action,
            self.tooltip.partition(":")[0],
            show=False,
            id=self.id,
            tooltip=self.tooltip,
            key_display=self.shown or None,
        )


def named(key: Callable[[str, str], str]) -> dict[str, str]:
    """The values for a tooltip; `key(id, usual)` is how a key is written."""
    return {name: key(*of) for name, of in NAMED.items()}


def bindings(keys: Sequence[Key]) -> list[Binding]:
    """For a screen's BINDINGS."""
    return [key.binding() for key in keys]


_WIDE = "０１２３４５６７８９"

DIGITS = tuple(
    Key(
        f"type.{digit}",
        f"{digit},{_WIDE[digit]}",
        "0-9" if digit == 0 else "",
        f"type('{digit}')",
        "score the current card and go to the next one",
    )
    for digit in range(10)
)

NUMBERS = (
    Key("type.minus", "-,－,−,—", "-", "type('-')", "begin a negative number: {enter} ends it"),
    Key(
        "type.plus", "+,＋", "+", "type('+')", "begin a longer number such as +4.5: {enter} ends it"
    ),
    Key("type.point", ".,．,。", ".", "type('.')", "decimals: 4 . 5 {enter} makes 4.5"),
)

CARDS = (
    Key("card.up", "up", "↑", "move(-1)", "the card above"),
    Key("card.down", "down", "↓", "move(1)", "the card below"),
    Key("card.scroll_down", "pagedown", "PgDn", "scroll_card(1)", "read on in a long completion"),
    Key("card.scroll_up", "pageup", "PgUp", "scroll_card(-1)", "read back in a long completion"),
)

GROUP = (
    Key("group.enter", "enter", "Enter", "enter", "end a number, or keep a complete group"),
    Key(
        "group.skip",
        "space,ideographic_space",
        "Space",
        "skip",
        "skip the group: nothing is learned from it",
    ),
    Key(
        "group.undo",
        "backspace",
        "Backspace",
        "back",
        "take back the last entry: if none, the last judgement",
    ),
    Key("group.resample", "r,ｒ", "r", "resample", "other completions of the same prompt"),
)

ASIDES = (
    Key(
        "group.edit",
        "e,ｅ,f7",
        "e",
        "edit",
        "rewrite the current card: your text becomes the best of its group",
    ),
    Key("group.note", "n,ｎ,f9", "n", "note", "a note, kept with the judgement"),
    Key("group.flag", "f,ｆ,f10", "f", "flag", "flag the group, or take the flag off"),
    Key("group.prompt", "p,ｐ,f8", "p", "prompt", "a prompt of your own: it comes next"),
    Key(
        "group.tokens",
        "i,ｉ,f12",
        "i",
        "tokens",
        "the tokens of the current card: how likely each was, and how far from the reference",
    ),
)

SCREENS = (
    Key("screen.judge", "f2", "F2", "app.visit('judge')", "back to the group, as it was left"),
    Key("screen.train", "f3", "F3", "app.visit('train')", "training: curves, alarms, texts"),
    Key("screen.data", "f4", "F4", "app.visit('data')", "data: what was judged so far"),
    Key("screen.runs", "f5", "F5", "app.visit('runs')", "runs: figures, and two compared"),
    Key("screen.blind", "f6", "F6", "app.visit('blind')", "blind test: base policy or taught?"),
)

TRAINING = (
    Key(
        "train.pause",
        "t,ｔ",
        "t",
        "pause",
        "pause training, or go on with it",
    ),
    Key(
        "train.options",
        "l,ｌ",
        "l",
        "options",
        "learning rate and KL budget",
    ),
)

EVERYWHERE = (
    *SCREENS,
    Key("app.palette", "ctrl+p", "Ctrl+P", "app.command_palette", "find a command by its name"),
    Key("app.save", "ctrl+s", "Ctrl+S", "save", "write a checkpoint now"),
    Key("app.help", "question_mark,？,f1", "?", "help", "this page"),
    Key("app.quit", "q,ｑ,ctrl+q,ctrl+c", "q", "quit", "save and leave"),
)

SCORE = (*DIGITS, *NUMBERS, *CARDS, *GROUP, *ASIDES, *TRAINING, *EVERYWHERE)

RANK_DIGITS = tuple(
    Key(
        f"rank.{digit}",
        f"{digit},{_WIDE[digit]}",
        "1-9" if digit == 1 else "",
        f"rank('{digit}')",
        "the next best: the last one is placed by itself",
    )
    for digit in range(1, 10)
)

RANK = (
    *RANK_DIGITS,
    Key(
        "rank.tie",
        "=,＝",
        "=",
        "tie",
        "before a digit, as good as the one before: twice, all the rest are equal",
    ),
    Key("rank.better", "[,【,［,「", "[", "shift(-1)", "move the current card up in the order"),
    Key("rank.worse", "],】,］,」", "]", "shift(1)", "move the current card down in the order"),
    Key(
        "group.enter",
        "enter",
        "Enter",
        "enter",
        "after two digits, best and worst, the rest tie between: or keep a complete group",
    ),
    *CARDS,
    *(key for key in GROUP if key.id != "group.enter"),
    *ASIDES,
    *TRAINING,
    *EVERYWHERE,
)

PAIR = (
    Key("pair.first", "left,1,１", "←/1", "win(0)", "the first one is better"),
    Key("pair.second", "right,2,２", "→/2", "win(1)", "the second one is better"),
    Key("pair.tie", "down,=,＝", "↓/=", "tie", "both are equally good"),
    Key("pair.bad", "up,0,０", "↑/0", "bad", "both are bad: each learns what a loser learns"),
    Key("card.other", "tab", "Tab", "other", "the other card, for {edit} and {tokens}"),
    *(key for key in CARDS if key.id.startswith("card.scroll")),
    *(key for key in GROUP if key.id != "group.enter"),
    *ASIDES,
    *TRAINING,
    *EVERYWHERE,
)

RUNS = (
    Key("runs.choose", "enter", "Enter", "choose", "resume the run, or begin the new one"),
    Key("runs.new_zh", "z", "z", "new('zh')", "a new run in Chinese"),
    Key("runs.new_en", "e", "e", "new('en')", "a new run in English"),
    Key("runs.back", "b,ｂ", "b", "go_back", "go back in the run: to the state after an update"),
    Key("runs.help", "question_mark,？,f1", "?", "help", "this page"),
    Key("runs.quit", "q,ｑ,ctrl+q,ctrl+c,escape", "q", "leave", "leave"),
)

SMALL = (Key("small.quit", "q,ｑ,ctrl+q,ctrl+c", "q", "app.quit", "save and leave"),)

HELP = (Key("help.close", "escape,q,ｑ,question_mark,？,f1,enter", "Esc", "close", "back"),)

EDITOR = (
    Key("editor.keep", "enter,ctrl+s", "Enter", "keep", "keep the text"),
    Key("editor.line", "ctrl+j", "Ctrl+J", "line", "a new line"),
    Key("editor.back", "escape", "Esc", "back", "go back without it"),
)

TOKENS = (
    Key("tokens.close", "escape,q,ｑ,i,ｉ,f12,enter", "Esc", "close", "back"),
    Key("tokens.next", "right,tab", "→", "turn(1)", "the next card"),
    Key("tokens.last", "left,shift+tab", "←", "turn(-1)", "the card before"),
)
