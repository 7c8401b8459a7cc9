"""What was judged so far: a page of it at a time, from the journal on disk."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.worker import Worker, WorkerState

from hitl.export_files import SUFFIXES, Format, write_export
from hitl.journal import ALL, Filter, Journal, Listed
from hitl.operator import Event, Judged, Notice, TakeBack, Undone, Updated
from hitl.quality import Quality, sentences
from hitl.records import JudgedGroup
from hitl.run_quality import quality_of
from hitl.rundir import RunDir
from hitl.tui.content import foreign, own
from hitl.tui.keymap import Key, bindings
from hitl.tui.keymap_visits import DATA
from hitl.tui.listed import COLUMNS, Part, cycled, in_words, preview, row_of
from hitl.tui.screens.entry import Entered, LineScreen
from hitl.tui.screens.page import ChooseScreen, PageScreen
from hitl.tui.screens.visit import Visit
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.table import Table
from hitl.wording import Sentence

PAGE = 100
"""Rows the table has at a time."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the journal gave."""

    offset: int
    total: int
    rows: tuple[Listed, ...]
    operators: tuple[str, ...]
    cursor: int
    """The row the cursor goes to."""
    which: Filter = ALL
    """What was asked for."""


UNREAD = Page(0, 0, (), (), 0)
"""Before the journal gave anything."""


class DataScreen(Visit):
    """Pages, newest first; the journal is read in a thread, so that no key waits for it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(DATA)]
    WHERE = "data"

    _filter = ALL
    _page = UNREAD
    _looked_at: JudgedGroup | None = None

    def body(self) -> ComposeResult:
        yield Line(id="filter")
        yield Table([(self.tr(name), cells) for name, cells in COLUMNS])
        with VerticalScroll(id="preview", can_focus=False):
            yield Line(id="group")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Table).fit(self.app.size.width)
        self.query_one(Table).focus()
        self._load(0, 0)

    def on_resize(self) -> None:
        super().on_resize()
        table = self.query_one(Table)
        cursor = table.cursor_row
        table.fit(self.app.size.width)
        if self._page is not UNREAD:
            self._show(dataclasses.replace(self._page, cursor=cursor))

    @property
    def listed(self) -> Listed | None:
        """The judgement under the cursor."""
        row = self.query_one(Table).cursor_row
        return self._page.rows[row] if 0 <= row < len(self._page.rows) else None

    # -- reading ----------------------------------------------------------------------------

    def _load(self, offset: int, cursor: int) -> None:
        if self.judging.info.folder is None:
            self.refuse("this run has no journal to look into")
            return
        path = RunDir(self.judging.info.folder).journal_path
        read = partial(_read, path, self._filter, max(offset, 0), cursor)
        self.run_worker(read, thread=True, exclusive=True, group="page", exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        event.stop()
        worker = event.worker
        if event.state is WorkerState.ERROR:
            self.fail(worker.error)
        elif event.state is WorkerState.SUCCESS:
            if isinstance(worker.result, Page):
                self._show(worker.result)
            elif isinstance(worker.result, JudgedGroup):
                self._show_group(worker.result)
            elif isinstance(worker.result, Quality):
                self._show_quality(worker.result)
            elif isinstance(worker.result, str):
                self.say(foreign(self.tr.said(worker.result)))

    def _show(self, page: Page) -> None:
        self._page = page
        self.query_one(Table).fill([row_of(one, self.tr) for one in page.rows], page.cursor)
        if not page.rows:
            self._looked_at = None
            if page.which != self._filter:
                said = ""  # another is being asked for
            elif page.which == ALL:
                said = self.tr("nothing was judged yet")
            else:
                said = self.tr("none: {key} shows all again", key=self.key("data.clear", "c"))
            self.query_one("#group", Line).show(own((said, "$frame-text")))
        self._show_filter()

    def _show_filter(self) -> None:
        page = self._page
        last = page.offset + len(page.rows)
        if self.judging.info.folder is None:
            shown = "0"  # there is no journal, and none will come
        elif page is UNREAD or page.which != self._filter:
            shown = "…"  # there are no figures yet, or those of the filter before
        elif page.rows:
            first = page.offset + 1
            shown = self.tr("{first}–{last} of {total}", first=first, last=last, total=page.total)
        else:
            shown = "0"
        which = in_words(self._filter, self.tr)
        self.query_one("#filter", Line).show(
            own((self.tr("Judgements: "), "bold"), which, (f"   {shown}", "$frame-text"))
        )

    def on_data_table_row_highlighted(self, event: Table.RowHighlighted) -> None:
        event.stop()
        self.elsewhere()
        folder, listed = self.judging.info.folder, self.listed
        if listed is not None and folder is not None:
            read = partial(_find, RunDir(folder).journal_path, listed.id)
            self.run_worker(read, thread=True, exclusive=True, group="group", exit_on_error=False)

    def _show_group(self, judged: JudgedGroup) -> None:
        listed = self.listed
        if listed is None or listed.id != judged.id:
            return
        self._looked_at = judged
        lines = preview(judged, listed.state, self.app.size.width - 4, self.tr, self.key)
        self.query_one("#group", Line).show(Content("\n").join(lines))
        self.query_one("#preview").scroll_home(animate=False)

    def on_table_beyond(self, message: Table.Beyond) -> None:
        page = self._page
        if message.way > 0 and page.offset + len(page.rows) < page.total:
            self._load(page.offset + PAGE, 0)
        elif message.way < 0 and page.offset > 0:
            self._load(page.offset - PAGE, PAGE - 1)

    def on_table_edge(self, message: Table.Edge) -> None:
        self.action_edge(message.way)

    def action_edge(self, way: int) -> None:
        last = max(self._page.total - 1, 0)
        self._load(last // PAGE * PAGE if way > 0 else 0, last if way > 0 else 0)

    def happened(self, event: Event) -> None:
        match event:
            case Undone():
                self.say(own(self.tr("taken back: its group comes again with what you gave")))
                self._again()
            case Notice(text, level):
                self.say(foreign(self.tr.said(text), "$warning" if level != "info" else ""))
            case Judged() | Updated():
                self._again()

    def _again(self) -> None:
        """The same page as the journal has it now."""
        self._load(self._page.offset, self.query_one(Table).cursor_row)

    # -- filtering --------------------------------------------------------------------------

    def action_find(self) -> None:
        def found(entered: Entered | None) -> None:
            if entered is not None and entered.kept:
                self._become(dataclasses.replace(self._filter, text=entered.text.strip()))

        self.app.push_screen(LineScreen(self.tr("words to look for"), self._filter.text), found)

    def action_cycle(self, part: Part) -> None:
        self._become(cycled(self._filter, part, self._page.operators))

    def action_only(self, part: Literal["flagged", "noted"]) -> None:
        if part == "flagged":
            self._become(dataclasses.replace(self._filter, flagged=not self._filter.flagged))
        else:
            self._become(dataclasses.replace(self._filter, noted=not self._filter.noted))

    def action_clear(self) -> None:
        self._become(ALL)

    def _become(self, which: Filter) -> None:
        self._filter = which
        self.elsewhere()
        self.show_hints()
        self._show_filter()
        self._load(0, 0)

    # -- changing ---------------------------------------------------------------------------

    def action_change(self) -> None:
        if self._give_back(now=True):
            self.app.call_later(self.app.run_action, "app.visit('judge')")

    def action_take_back(self) -> None:
        self._give_back(now=False)

    def _give_back(self, *, now: bool) -> bool:
        listed = self.listed
        if listed is None:
            return False
        if listed.state == "trained":
            self.refuse(
                "already trained: update {number} has learned from it, it stays",
                number=listed.update,
            )
        elif listed.state == "left":
            self.refuse("left behind when the run went back: nothing will learn from it")
        elif listed.state == "aside":
            self.refuse("set aside: no update will learn from it")
        elif not self.judging.asked:
            self.refuse("the session is busy: once more in a moment")
        else:
            self.judging.command(TakeBack(listed.id, now))
            return True
        return False

    def on_table_taken(self) -> None:
        self.action_change()

    # -- exporting --------------------------------------------------------------------------

    def action_export(self) -> None:
        def chosen(place: int | None) -> None:
            if place is not None:
                form, suffix = SUFFIXES[place]
                name = f"{self.judging.info.run}-{form}{suffix}"
                asked = LineScreen(self.tr("file to write (a folder for the policy)"), name)
                self.app.push_screen(asked, partial(self._write, form))

        which = in_words(self._filter, self.tr)
        rows = [own(f"{form:12}", (self.tr(ABOUT[form]), "$frame-text")) for form, _ in SUFFIXES]
        title = (
            self.tr("export all judgements as")
            if self._filter == ALL
            else self.tr("export the judgements listed ({filter}) as", filter=which)
        )
        self.app.push_screen(ChooseScreen(own(title), own(""), rows), chosen)

    def _write(self, form: Format, entered: Entered | None) -> None:
        folder = self.judging.info.folder
        if entered is None or not entered.kept or folder is None:
            return
        if not entered.text.strip():
            self.refuse("nothing was typed: no file is written")
            return
        out = Path(entered.text.strip()).expanduser()
        self.say(own((self.tr("writing …"), "$frame-text")))
        instead = Sentence("{key} again, with another name", key=self.key("data.export", "e"))
        write = partial(_export, RunDir(folder), form, out, self._filter, instead)
        self.run_worker(write, thread=True, group="export", exit_on_error=False)

    # -- the operator -----------------------------------------------------------------------

    def action_quality(self) -> None:
        if (folder := self.judging.info.folder) is not None:
            read = partial(quality_of, RunDir(folder))
            self.run_worker(read, thread=True, exclusive=True, group="you", exit_on_error=False)

    def _show_quality(self, found: Quality) -> None:
        if not self.is_active:  # it was turned away from while they were reckoned
            return
        title = own(self.tr("all judgements of this run"))
        lines = [own(self.tr(line)) for line in sentences(found)]
        self.app.push_screen(PageScreen(title, lambda width: lines))

    def hints(self) -> str:
        usual = {"state": "s", "mode": "m", "operator": "o", "flag": "f", "note": "n"}
        keys = {part: self.key(f"data.{part}", key) for part, key in usual.items()}
        named = self._hints(
            self.tr(
                "{state} state  {mode} mode  {operator} operator  {flag} flag  {note} note", **keys
            )
        )
        if cell_len(named) <= self.hint_room:
            return named
        return self._hints(self.tr("{keys} filter", keys=" ".join(keys.values())))

    def _hints(self, filters: str) -> str:
        key = self.key
        parts = (
            self.tr(
                "{anew} anew  {undo} take back  {find} find",
                anew=key("data.change", "⏎"),
                undo=key("data.take_back", "x"),
                find=key("data.find", "/"),
            ),
            filters,
            # Where nothing is filtered out it would only take the room of another.
            "" if self._filter == ALL else self.tr("{key} all", key=key("data.clear", "c")),
            self.tr(
                "{export} export  {you} you  {back}  {help} help",
                export=key("data.export", "e"),
                you=key("data.quality", "i"),
                back=key("visit.back", "Esc"),
                help=key("visit.help", "?"),
            ),
        )
        return "  ".join(part for part in parts if part)

    def help_title(self) -> Sentence:
        return Sentence("Data")

    def help_keys(self) -> tuple[Key, ...]:
        return DATA


ABOUT: dict[Format, Sentence] = {
    "ranklist": Sentence("TSV, a group a line, best to worst"),
    "preferences": Sentence("JSONL of prompt, chosen, rejected"),
    "scores": Sentence("JSONL, a label a row"),
    "parquet": Sentence("a label a row, for data tools"),
    "policy": Sentence("the policy as a folder that transformers loads"),
}


def _read(path: Path, which: Filter, offset: int, cursor: int) -> Page:
    """Opened anew each time: a connection that saw no log when it was opened never sees one."""
    with Journal.open(path, readonly=True) as journal:
        total = journal.count(which)
        offset = min(offset, max(total - 1, 0) // PAGE * PAGE)
        rows = tuple(journal.listed(which, offset, PAGE))
        return Page(offset, total, rows, tuple(journal.operators()), cursor, which)


def _find(path: Path, identity: int) -> JudgedGroup | None:
    with Journal.open(path, readonly=True) as journal:
        return journal.find(identity)


def _export(run_dir: RunDir, form: Format, out: Path, which: Filter, instead: Sentence) -> Sentence:
    what = write_export(run_dir, form, out, which=which, instead=instead)
    return Sentence("{path}: {what}", path=out, what=what)
