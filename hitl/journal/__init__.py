"""The journal: every group, judgement and update of a run, on disk before it is acknowledged."""

from hitl.journal.journal import Entry, Journal
from hitl.journal.listing import ALL, STATES, Filter, Listed, State
from hitl.journal.rows import JournalDamagedError, JournalError
from hitl.journal.totals import Totals

__all__ = [
    "ALL",
    "STATES",
    "Entry",
    "Filter",
    "Journal",
    "JournalDamagedError",
    "JournalError",
    "Listed",
    "State",
    "Totals",
]
