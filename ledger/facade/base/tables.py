"""Tables of the facade's inline views: what a clerk must see at once, beside the frames.

All of them can be dropped and made again from frames, bodies and case keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias, cast

from ledger.store.tables import OneOf, Row, Table
from ledger.types import CaseId, StationId

CASES: Final = Table(
    "cases",
    columns=(
        ("case_id", "bytes"),
        ("number", "text"),
        ("item", "text"),
        ("catalogue_version", "int"),
        ("status", "text"),
        ("custodian", "text"),
        ("offered_to", "text"),
        ("received_station", "text"),
        ("opened_at_ms", "int"),
        ("last_at_ms", "int"),
        ("open", "int"),
        ("clock", "text"),
        ("yellow_at_ms", "int"),
        ("red_at_ms", "int"),
        ("flags", "int"),
    ),
    key=("case_id",),
    indexes=(
        ("open", "custodian", "red_at_ms", "opened_at_ms"),
        ("open", "offered_to"),
        ("received_station", "opened_at_ms"),
    ),
)
"""One row for each case that has an opening act: what lists and lights need.

``yellow_at_ms`` and ``red_at_ms`` are ``NEVER_MS`` when no clock is open; ``clock`` is the first to turn red.
``flags`` adds up ``PAUSED`` and what follows it: long lists are read column by column. The first index holds
what a station has in the order of its lists, the most urgent first.
"""

STATUS: Final = CASES.column_names.index("status")
"""Where in a row ``status`` stands."""
PAUSED: Final = 1
"""The case is suspended."""
CONFLICT: Final = 2
"""Acts made without knowledge of each other wait for an adjudication."""
PENDING: Final = 4
"""An act waits for a second person, and as far as acts tell somebody can sign it (``cases.secondsight``)."""
GRANTED: Final = 8
"""What was asked for was granted."""
REFUSED: Final = 16
"""What was asked for was refused."""
RESULTS: Final = {"grant": GRANTED, "refuse": REFUSED}
"""The flag of each result of a decision; another one of some case type stands on the case's page alone."""
DECIDED: Final = GRANTED | REFUSED
"""A decision has been taken, here or by the deciding organ: what statistics call concluded (办结)."""
RETURNED: Final = 32
"""The papers were given back on the spot (当场告知退件): nothing was received."""
LATE_ACCEPTANCE: Final = 64
"""The acceptance clock ended after its last day (超期受理)."""
LATE_DECISION: Final = 128
"""The statutory clock ended after its last day (超期办结)."""
LATE_FLAGS: Final = {"acceptance": LATE_ACCEPTANCE, "statutory": LATE_DECISION}
"""The flag of each clock."""
LATE: Final = LATE_ACCEPTANCE | LATE_DECISION
"""What follows from the calendars as well; of an ended case as of its last act or the last rebuild."""


def flags_with(flag: int) -> OneOf:
    """Return the condition that a flag is set."""
    return OneOf(tuple(flags for flags in range(_FLAGS_BELOW) if flags & flag))


def flags_without(flag: int) -> OneOf:
    """Return the condition that a flag is not set."""
    return OneOf(tuple(flags for flags in range(_FLAGS_BELOW) if not flags & flag))


_FLAGS_BELOW: Final = 2 * LATE_DECISION
"""Every value of ``flags`` is smaller."""

CaseCells: TypeAlias = tuple[
    CaseId, str, str, int, str, StationId, str, StationId,
    int, int, int, str, int, int, int,
]  # fmt: skip
"""A row of ``CASES``, whose columns hold no other types and nothing empty."""


def case_cells(rows: Sequence[Row]) -> Sequence[CaseCells]:
    """Return rows of ``CASES`` with the types of its columns; the table itself holds no others."""
    return cast("Sequence[CaseCells]", rows)


TOKENS: Final = Table(
    "search_tokens",
    columns=(("token", "bytes"), ("case_id", "bytes")),
    key=("token", "case_id"),
)
"""Keyed search tokens of names, numbers and phones; deleted with the case's key.

Erasing, which is rare, looks through the whole table: an index by case would be written with every person.
"""

APPLICANTS: Final = Table(
    "case_applicants",
    columns=(("token", "bytes"), ("case_id", "bytes")),
    key=("token", "case_id"),
    indexes=(("case_id",),),
)
"""Keyed token of the number of each case's applicant, as it is known now: who came twice with one matter.

Each case has one row at most; it is found by its case when that is looked at, corrected or erased.
"""

NUMBERS: Final = Table(
    "case_numbers",
    columns=(("number", "text"), ("case_id", "bytes"), ("log", "text"), ("day", "text"), ("ordinal", "int")),
    key=("number", "case_id"),
    indexes=(("log", "day", "ordinal"),),
)
"""Numbers that this installation minted or met; two cases under one number are a finding."""

EXTERNALS: Final = Table(
    "external_numbers",
    columns=(("number", "text"), ("case_id", "bytes")),
    key=("number", "case_id"),
    indexes=(("case_id",),),
)
"""The number that another system, the provincial platform above all, gave each case; as it is looked for."""

MARKS: Final = Table("view_marks", columns=(("name", "text"), ("value", "text")), key=("name",))
"""What the rows were computed with: calendars, what of the county's logs did not count, what rows say.

And the end of the day on which what waits in a case can be signed. A table of its own would be missing where
the ledger of an older program is only read."""

NEVER_MS: Final = 253_402_300_799_999
"""Last millisecond of the year 9999: later than any limit."""

MOVED: Final = Table(
    "earlier_limits",
    columns=(("case_id", "bytes"), ("clock", "text"), ("said", "text")),
    key=("case_id", "clock"),
)
"""Clocks that became earlier when a calendar arrived, with the latest day that was said: owners are told."""

GRANTS: Final = Table("grants", columns=(("log", "text"), ("seq", "int")), key=("log", "seq"))
"""Where provisional grants stand in station logs that are held whole: a registrar looks at all of them."""

VIEW_TABLES: Final = (CASES, TOKENS, APPLICANTS, NUMBERS, EXTERNALS, MARKS, MOVED, GRANTS)
