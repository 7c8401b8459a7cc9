"""The keys of the screens beside judging: training, data, runs, blind test. See keymap."""

from __future__ import annotations

from hitl.tui.keymap import SCREENS, Key

BACK = (
    Key("visit.back", "escape,q,ｑ", "Esc", "app.visit('judge')", "back to the group"),
    *SCREENS,
    Key("visit.palette", "ctrl+p", "Ctrl+P", "app.command_palette", "find a command by its name"),
    Key("visit.help", "question_mark,？,f1", "?", "help", "this page"),
    Key("visit.quit", "ctrl+q,ctrl+c", "Ctrl+Q", "app.quit", "save and leave the run"),
)

DATA = (
    Key("data.change", "enter", "Enter", "change", "judge it anew: the group comes back to you"),
    Key("data.take_back", "x,ｘ,delete", "x", "take_back", "take it back: the group comes later"),
    Key("data.find", "slash,／,f7", "/", "find", "only those whose texts or note hold some words"),
    Key("data.state", "s,ｓ", "s", "cycle('state')", "waiting, trained, set aside or left behind"),
    Key("data.mode", "m,ｍ", "m", "cycle('mode')", "only scores, rankings or pairs"),
    Key("data.operator", "o,ｏ", "o", "cycle('operator')", "only one operator's"),
    Key("data.flag", "f,ｆ", "f", "only('flagged')", "only flagged ones"),
    Key("data.note", "n,ｎ", "n", "only('noted')", "only those with a note"),
    Key("data.clear", "c,ｃ", "c", "clear", "all of them again"),
    Key("data.export", "e,ｅ,f8", "e", "export", "write them to a file for other tools"),
    Key("data.quality", "i,ｉ", "i", "quality", "pace, steadiness, agreement with yourself"),
    Key("data.top", "home", "Home", "edge(-1)", "the newest"),
    Key("data.bottom", "end", "End", "edge(1)", "the oldest"),
    *BACK,
)

TRAIN = (
    Key("train.blind", "b,ｂ", "b", "app.visit('blind')", "judge base and taught policy blind"),
    Key("train.page", "tab,right", "Tab", "turn(1)", "curves, texts, alarms: the next page"),
    Key("train.back", "shift+tab,left", "⇧Tab", "turn(-1)", "the page before"),
    Key("train.down", "down,pagedown", "↓", "scroll_text(1)", "read on"),
    Key("train.up", "up,pageup", "↑", "scroll_text(-1)", "read back"),
    *BACK,
)

BLIND = (
    Key("blind.first", "left,1,１", "←/1", "win(0)", "the first one is better"),
    Key("blind.second", "right,2,２", "→/2", "win(1)", "the second one is better"),
    Key("blind.tie", "down,=,＝", "↓/=", "win(2)", "both are equally good"),
    Key("blind.undo", "backspace", "Backspace", "back", "take back the last answer"),
    Key("blind.begin", "enter", "Enter", "begin", "begin, or begin another test"),
    Key("blind.scroll_down", "pagedown", "PgDn", "scroll_card(1)", "read on"),
    Key("blind.scroll_up", "pageup", "PgUp", "scroll_card(-1)", "read back"),
    *BACK,
)

VISIT_RUNS = (
    Key("runs.compare", "c,ｃ", "c", "compare", "mark a run, then another: side by side"),
    Key("runs.updates", "u,ｕ,enter", "u", "updates", "the updates of a run"),
    Key("runs.back", "b,ｂ", "b", "go_back", "leave this run, and go back in the one on the line"),
    *BACK,
)

CHOOSE = (
    Key("choose.take", "enter", "Enter", "take", "this one"),
    Key("choose.close", "escape,q,ｑ", "Esc", "close", "back"),
)

PAGE = (Key("page.close", "escape,q,ｑ,enter,i,ｉ,c,ｃ", "Esc", "close", "back"),)
