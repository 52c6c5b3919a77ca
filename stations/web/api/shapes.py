"""What the JSON API takes and gives: one value for each body, from which ``docs/openapi.json`` follows.

Lines of lists, acts, clocks and actions are the very values that the pages show: words stand in the language
of the browser, codes beside them are stable. Moments are milliseconds since 1970, days ISO dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stations.web.cases.casepage import Choice, ClockLine, StepLine
from stations.web.rows import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who acts in this browser; empty words when nobody does.

    Attributes:
        form: what each write sends as ``X-Banjian-Form``; it changes when somebody signs in or out.
        station: the station acted for.
    """

    form: str
    staff_no: str
    name: str
    station: str
    stations: Sequence[str]
    roles: Sequence[str]
    language: str
    training: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A list of cases.

    Attributes:
        count: how many there are; ``lines`` may hold fewer.
        known_at_ms: when the station above was last heard; 0 for never.
    """

    lines: Sequence[Line]
    count: int
    known_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One open conflict: the acts of both sides, the oldest first; an adjudication names each of them."""

    kept: Sequence[str]
    contested: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case: ``heads`` goes back with an act, so that nothing is signed on what somebody has changed.

    ``outcome`` tells what was decided and why, as (act or field, words).
    """

    case: str
    line: Line
    status: str
    result: str
    outcome: Sequence[Sequence[str]]
    heads: str
    clocks: Sequence[ClockLine]
    steps: Sequence[StepLine]
    may: Sequence[Choice]
    may_not: Sequence[Choice]
    notices: Sequence[Sequence[str]]
    conflicts: int
    disputes: Sequence[Dispute]
    twins: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPart:
    """One heading of the day-clear list."""

    name: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClear:
    """The day-clear list of the station acted for."""

    station: str
    day: str
    parts: Sequence[DayPart]


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLevel:
    """What one station above has confirmed; ``attachments``: those that the nearest is not known to have."""

    station: str
    level: str
    confirmed: int
    waiting: int
    oldest_ms: int
    attachments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyView:
    """What is safe where; ``grade``: ``all``, ``some`` while something waits, ``here`` at the top."""

    entries: int
    levels: Sequence[SafetyLevel]
    heard_at_ms: int
    failure: str
    since_ms: int
    findings: int
    grade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardStation:
    """A station on the board; ``grade``: ``ok``, ``quiet`` (no word for a while), ``look``, ``bad``.

    Attributes:
        forked: whether two histories of one of its logs are here.
        skipped: whether some of its records are too large to be passed on.
        without_effect: acts of it without effect or with a repeated number that nobody has looked into.
        stranded: open cases that were handed over to it and that nobody there takes, for it is closed.
    """

    station: str
    name: str
    level: str
    is_open: bool
    own: bool
    grade: str
    entries: int
    complete_at_ms: int
    heard_at_ms: int
    waiting: int
    oldest_ms: int
    attachments: int
    silent_days: int
    clock_off_ms: int
    forked: bool
    skipped: bool
    without_effect: int
    stranded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Every station below."""

    stations: Sequence[BoardStation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """Cases that wait for an adjudication, matters received twice, and cases that bear one number.

    Attributes:
        repeated: for each number the first of its cases.
        repeated_more: for each of these numbers how many more cases bear it; voided ones are counted.
    """

    lines: Sequence[Line]
    pairs: Sequence[Sequence[Line]]
    repeated: Sequence[Sequence[Line]]
    repeated_more: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Monthly:
    """Figures by month, station and item; each row has the cells that ``headings`` name.

    Attributes:
        mistimed: cases that are in no period, for their time of receipt cannot be right.
        complete_at_ms: up to this moment nothing of the stations is missing; 0 where one was never heard.
        lacking: names of the stations that hold this moment back, where it lies within the period.
    """

    since: str
    until: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    mistimed: int
    complete_at_ms: int
    lacking: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An act on a case.

    Attributes:
        action: code of the action in the case type.
        facts: fields of the action; bytes and act ids in hex, maps nested.
        text: remark about people; kept beside the act and erasable.
        heads: from the case, when it was looked at; "" to act whatever happened since.
        once: any word; sent twice with the same one, it acts once.
        at: claimed moment in China time, ``2026-02-13T09:30``; "" for now;
            another day only with ``late_entry`` in the facts.
    """

    action: str
    facts: Mapping[str, object] | None = None
    text: str = ""
    heads: str = ""
    once: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Human:
    """An applicant or agent; relation and authority belong to agents alone."""

    name: str = ""
    id_kind: str = ""
    id_no: str = ""
    phone: str = ""
    address: str = ""
    relation: str = ""
    authority: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An application; ``item`` is the item's code, the other fields are as in an act."""

    item: str
    applicant: Human
    agent: Human | None = None
    facts: Mapping[str, object] | None = None
    text: str = ""
    once: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A confirmed act: it survives a power cut.

    Attributes:
        seq: its position in the log.
        token: rating token to hand to the applicant; "" but for receipts.
        checkpoint: signed head of the log; "" but for receipts.
        reason: code of why the act is kept without effect; "" where it has one, or waits for a second person.
    """

    act: str
    case: str
    number: str
    seq: int
    token: str
    checkpoint: str
    reason: str
