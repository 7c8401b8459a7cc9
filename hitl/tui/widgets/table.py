"""A table that draws Content and nothing else: Textual's own would parse a string as markup."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable


class Table(DataTable[Content]):
    """A window of rows with a cursor. It knows nothing of the rows before and after."""

    class Beyond(Message):
        """The cursor was moved past the first (-1) or the last row (1)."""

        def __init__(self, way: int) -> None:
            super().__init__()
            self.way = way

    class Edge(Message):
        """The first (-1) or the last row (1) of all was asked for."""

        def __init__(self, way: int) -> None:
            super().__init__()
            self.way = way

    def __init__(self, columns: Sequence[tuple[str, int]]) -> None:
        """(name, width in cells) of each column; one of width 0 takes the room that is left."""
        super().__init__(cursor_type="row", show_row_labels=False, cell_padding=1)
        self._named = columns

    def fit(self, width: int) -> None:
        """Lays the columns out for so many cells; the rows are gone."""
        scrollbar, padding = 1, 2 * len(self._named)
        room = max(width - scrollbar - padding - sum(w for _, w in self._named), 8)
        self.clear(columns=True)
        for name, cells in self._named:
            self.add_column(name, width=cells or room)  # our own words, no markup in them

    class Taken(Message):
        """Enter was pressed on a row; a click only moves the cursor."""

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()

    def action_select_cursor(self) -> None:
        self.post_message(self.Taken())

    def fill(self, rows: Sequence[Sequence[Content]], cursor: int) -> None:
        """Other rows, the cursor on one of them."""
        self.clear()
        for row in rows:
            self.add_row(*row)
        if rows:
            self.move_cursor(row=max(0, min(cursor, len(rows) - 1)), animate=False)

    def action_cursor_down(self) -> None:
        if self.cursor_row >= self.row_count - 1:
            self.post_message(self.Beyond(1))
        else:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        if self.cursor_row <= 0:
            self.post_message(self.Beyond(-1))
        else:
            super().action_cursor_up()

    def action_scroll_home(self) -> None:
        self.post_message(self.Edge(-1))

    def action_scroll_end(self) -> None:
        self.post_message(self.Edge(1))

    def action_page_down(self) -> None:
        if self.cursor_row >= self.row_count - 1:
            self.post_message(self.Beyond(1))
        else:
            super().action_page_down()

    def action_page_up(self) -> None:
        if self.cursor_row <= 0:
            self.post_message(self.Beyond(-1))
        else:
            super().action_page_up()
