"""What an audit reads from a ledger file: one snapshot, rows in batches, damage as findings.

Frames and bodies of a log lie in the order of the log, acts in that of cases. Both are read in one go, and
every value that comes out is checked against the signed bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

from audit.reading.findings import Finding, error
from ledger.errors import BanjianError, ConfigError, StoreError
from ledger.formats.act import CASE_ID_BYTES, Act, case_of
from ledger.formats.frame import decode_frame
from ledger.reader import LedgerFile, open_ledger_file

DATABASE_NAME = "ledger.db"
Cell: TypeAlias = "int | float | str | bytes | None"


class EventRow(NamedTuple):
    """One stored frame with the row of bodies at its place; any value may be of any type in a damaged file.

    The last three are None when there is no such row; ``personal`` is None for an erased body as well.
    """

    seq: Cell
    topic: Cell
    frame: Cell
    facts: Cell
    nonce: Cell
    personal: Cell


class LogRow(NamedTuple):
    """One row of the table of logs."""

    log: str
    kind: str
    station: str
    genesis: bytes
    own: int
    state: str


class LogSpan(NamedTuple):
    """How many frames of a log there are, and the lowest and highest position of them."""

    log: str
    frames: int
    lowest: int
    highest: int


class ActRow(NamedTuple):
    """One row of the table of acts with what lies at the place that it names; any value of any type.

    ``topic``, ``frame`` and ``facts`` are None where nothing lies there.
    """

    case_id: Cell
    act_id: Cell
    log: Cell
    seq: Cell
    action: Cell
    topic: Cell
    frame: Cell
    facts: Cell


class CaseRecord(NamedTuple):
    """One act of a case, as it is stored."""

    case_id: bytes
    log: str
    seq: int
    action: str
    frame: bytes
    facts: bytes | None
    sparse: bool = False


_FRAMES = (
    "SELECT originator_version, topic, state FROM stored_events "
    "WHERE originator_id = ? AND originator_version BETWEEN ? AND ? ORDER BY originator_version"
)
_BODIES = "SELECT seq, facts, nonce, personal FROM bodies WHERE log = ? AND seq BETWEEN ? AND ? ORDER BY seq"
_NO_BODY: tuple[Cell, ...] = (None,) * 3
_ROWS = (
    "SELECT a.case_id, a.act_id, a.log, a.seq, a.action, {topic}, {frame}, b.facts FROM acts a "
    "LEFT JOIN stored_events e ON e.originator_id = a.log AND e.originator_version = a.seq {sparse}"
    "LEFT JOIN bodies b ON b.log = a.log AND b.seq = a.seq WHERE {where} ORDER BY a.case_id, a.act_id"
)
_IN_LOGS = _ROWS.format(topic="e.topic", frame="e.state", sparse="", where="a.case_id >= ? {end}")
_ANYWHERE = {
    # A frame that came with a case may stand in a log that is held whole by now, or beside another one there.
    "topic": "CASE WHEN s.frame IS NULL OR s.frame = e.state THEN e.topic END",
    "frame": "coalesce(s.frame, e.state)",
    "sparse": "LEFT JOIN sparse s ON s.log = a.log AND s.seq = a.seq AND s.act_id = a.act_id ",
}
_OF_CASE = _ROWS.format(**_ANYWHERE, where="a.case_id = ?")
_OF_OTHERS = _ROWS.format(**_ANYWHERE, where="typeof(a.case_id) <> 'blob'")
_OPENINGS = _ROWS.format(**_ANYWHERE, where="substr(a.act_id, 1, 16) = a.case_id")


def database_of(path: Path) -> Path:
    """Return the database of a path that an auditor names: a station folder or the file itself.

    Raises:
        ConfigError: ``audit.no_file``.
    """
    found = path / DATABASE_NAME if path.is_dir() else path
    if not found.is_file():
        raise ConfigError("audit.no_file", path=str(path))
    return found


def open_database(path: Path) -> LedgerFile:
    """Open a ledger file for an audit.

    Raises:
        StoreError: as ``open_ledger_file``; ``store.damaged`` also when the database's own complaint about a
            damaged schema cannot be decoded.
    """
    try:
        return open_ledger_file(path)
    except UnicodeError as error:
        raise StoreError("store.damaged", file=path.name, detail=type(error).__name__) from error


class Source:
    """One consistent look at an open ledger file.

    Args:
        file: the open file; closing stays with the caller.
        report: takes findings about what cannot be read; may be changed.
    """

    def __init__(self, file: LedgerFile, report: Callable[[Finding], None]) -> None:
        self.report = report
        self._file = file

    def __enter__(self) -> Self:
        # One read transaction: a station may go on working while it is audited.
        self.rows("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rows("ROLLBACK")

    @property
    def path(self) -> Path:
        """The database file."""
        return self._file.path

    def has_table(self, name: str) -> bool:
        """Return whether the file has a table that older ones need not have."""
        try:
            return name in self._file.tables()
        except StoreError as raised:
            self._damage(raised)
            return False

    def rows(
        self, statement: str, values: Sequence[Cell] = (), *, log: str = "", seq: int = 0
    ) -> list[tuple[Cell, ...]]:
        """Return what can be read of a statement's rows; damage becomes a finding at the given place."""
        found: list[tuple[Cell, ...]] = []
        try:
            for row in self._file.query(statement, values):
                found.append(row)
        except StoreError as raised:
            self._damage(raised, log=log, seq=seq)
        return found

    def logs(self, *, quiet: bool = False) -> list[LogRow]:
        """Return the rows of the table of logs that have the right types; others are told, if not quiet."""
        found: list[LogRow] = []
        for row in self.rows("SELECT log, kind, station, genesis, own, state FROM logs ORDER BY log"):
            log, kind, station, genesis, own, state = row
            if isinstance(log, str) and isinstance(genesis, bytes) and isinstance(own, int):
                if not isinstance(state, str) and not quiet:
                    # Nobody knows whether it was given up; whoever works with the file goes on writing it.
                    self.report(error("log.row", log=log, field="state"))
                given_up = state if isinstance(state, str) else ""
                found.append(LogRow(log, str(kind), str(station), genesis, own, given_up))
            elif not quiet:
                self.report(error("log.row", log=str(log)))
        return found

    def foreign(self) -> list[str]:
        """Return the names of what is in the file and no program of ours makes."""
        try:
            return list(self._file.foreign())
        except StoreError as raised:
            self._damage(raised)
            return []

    def event_logs(self) -> list[LogSpan]:
        """Return how many frames every log that has any holds, and between which positions."""
        statement = (
            "SELECT originator_id, count(*), min(originator_version), max(originator_version) "
            "FROM stored_events GROUP BY originator_id"
        )
        return [
            LogSpan(log, count, lowest if isinstance(lowest, int) else 0, highest)
            for log, count, lowest, highest in self.rows(statement)
            if isinstance(log, str) and isinstance(count, int) and isinstance(highest, int)
        ]

    def events(self, log: str, first_seq: int, last_seq: int) -> list[EventRow]:
        """Return the frames from ``first_seq`` to ``last_seq`` of a log, with the bodies at their places."""
        return self.stretch(log, first_seq, last_seq)[0]

    def stretch(self, log: str, first_seq: int, last_seq: int) -> tuple[list[EventRow], list[int]]:
        """Return what ``events`` does, and the places at which bodies lie without a frame."""
        frames = self._between(_FRAMES, log, first_seq, last_seq)
        bodies = self._between(_BODIES, log, first_seq, last_seq)
        if len(frames) == len(bodies):
            joined = [
                tuple.__new__(EventRow, frame + body[1:])
                for frame, body in zip(frames, bodies, strict=True)
                if frame[0] == body[0]
            ]
            if len(joined) == len(frames):
                return joined, []
        by_seq = {body[0]: body[1:] for body in bodies}
        if len(by_seq) < len(bodies):
            # A key that comes twice: pages stand where they should not.
            self.report(error("file.damaged", log=log, seq=first_seq, cause="store.damaged"))
        events = [EventRow._make(frame + by_seq.pop(frame[0], _NO_BODY)) for frame in frames]
        return events, [seq for seq in by_seq if isinstance(seq, int)]

    def body(self, log: str, seq: int) -> tuple[Cell, ...] | None:
        """Return facts, nonce and personal body at a place, None when nothing lies there."""
        rows = self.rows(_BODIES, (log, seq, seq), log=log, seq=seq)
        return rows[0][1:] if rows else None

    def bodies_elsewhere(self, act: Act, place: tuple[str, int]) -> tuple[Cell, ...] | None:
        """Return the bodies of an act that has none at a place: one in several logs has them at its first."""
        first = self.place_of(case_of(act), act.act_id)
        if first is None or first == place:
            return None
        log, seq = first
        return self.body(log, seq) if isinstance(log, str) and isinstance(seq, int) else None

    def facts_at(self, row: EventRow, log: str) -> bytes | None:
        """Return the facts of the act of a frame, wherever they lie."""
        facts = row.facts
        if facts is None and isinstance(row.frame, bytes) and isinstance(row.seq, int):
            try:
                bodies = self.bodies_elsewhere(decode_frame(row.frame).act, (log, row.seq))
            except BanjianError:
                return None
            facts = None if bodies is None else bodies[0]
        return facts if isinstance(facts, bytes) else None

    def wrapped_key(self, case_id: bytes) -> Cell:
        """Return the wrapped key of a case's personal bodies, None when there is none."""
        rows = self.rows("SELECT wrapped FROM case_keys WHERE case_id = ?", (case_id,))
        return rows[0][0] if rows else None

    def frames_at(self, log: str, seq: int) -> list[tuple[bytes, Cell]]:
        """Return the frames at a place with their topics: None for one that came with a case."""
        statement = "SELECT frame FROM sparse WHERE log = ? AND seq = ?"
        found = [(row[2], row[1]) for row in self._between(_FRAMES, log, seq, seq)]
        found += [(frame, None) for (frame,) in self.rows(statement, (log, seq), log=log, seq=seq)]
        return [(frame, topic) for frame, topic in found if isinstance(frame, bytes)]

    def place_of(self, case_id: bytes, act: bytes) -> tuple[Cell, Cell] | None:
        """Return log and position that the table of acts names for an act, None when it has no row."""
        row = self.row_of(case_id, act)
        return None if row is None else row[:2]

    def row_of(self, case_id: bytes, act: bytes) -> tuple[Cell, Cell, Cell] | None:
        """Return log, position and action of an act's row in the table of acts, None when it has none."""
        statement = "SELECT log, seq, action FROM acts WHERE case_id = ? AND act_id = ?"
        rows = self.rows(statement, (case_id, act))
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    def is_logged(self, act: bytes, station: str) -> bool:
        """Return whether the opening act of a thread is held; also True where no log of its station is."""
        if self.place_of(act[:CASE_ID_BYTES], act) is not None:
            return True
        return all(row.station != station or row.kind != "station" for row in self.logs(quiet=True))

    def count_acts(self, *, quiet: bool = False) -> int:
        """Return how many rows the table of acts has; 0 where nobody can count: told, if not quiet."""
        statement = "SELECT count(*) FROM acts"
        try:
            rows = self._file.query_all(statement, ()) if quiet else self.rows(statement)
        except StoreError:
            return 0
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0

    def act_rows(self, low: bytes, high: bytes) -> Iterator[tuple[Cell, ...]]:
        """Yield what an ``ActRow`` holds, from one case id up to another; an empty one is the end."""
        statement = _IN_LOGS.format(end="AND a.case_id < ?" if high else "")
        return self.walk(statement, (low, high) if high else (low,))

    def rows_of_case(self, case_id: bytes) -> Iterator[ActRow]:
        """Yield the rows of acts of one case; frames that came with it from elsewhere are found as well."""
        return map(ActRow._make, self.walk(_OF_CASE, (case_id,)))

    def rows_of_others(self) -> Iterator[ActRow]:
        """Yield the rows of acts whose case id is none at all."""
        return map(ActRow._make, self.walk(_OF_OTHERS, ()))

    def places(self) -> Iterator[tuple[Cell, ...]]:
        """Yield case, log and position of every row of acts."""
        return self.walk("SELECT case_id, log, seq FROM acts", ())

    def cases(self, case_id: bytes) -> Iterator[CaseRecord]:
        """Yield the stored acts of a case."""
        return _records(self.rows_of_case(case_id))

    def openings(self) -> Iterator[CaseRecord]:
        """Yield the acts that open cases and other threads: those whose own id begins with the case's."""
        return _records(map(ActRow._make, self.walk(_OPENINGS, ())))

    def stray_logs(self, logs: Collection[str], branches: Collection[str]) -> list[tuple[str, str]]:
        """Return table and log of rows about logs that are not held; branches have no heads and trees."""
        return [
            (table, str(log))
            for table in ("heads", "tree", "checkpoints", "receipts")
            for (log,) in self.rows(f"SELECT DISTINCT log FROM {table}")
            if log not in logs and not (table in ("checkpoints", "receipts") and log in branches)
        ]

    def logs_with_bodies(self) -> list[str]:
        """Return the names of the logs that the table of bodies speaks of; the key spares reading it all."""
        found: list[str] = []
        statement = "SELECT min(log) FROM bodies WHERE log > ?"
        while rows := self.rows(statement, (found[-1] if found else "",)):
            name = rows[0][0]
            if not isinstance(name, str):
                break
            found.append(name)
        return found

    def bodies_outside(self, log: str, size: int) -> list[int]:
        """Return the places outside a log of this size at which bodies lie, sparse frames left out."""
        statement = (
            "SELECT b.seq FROM bodies b WHERE b.log = ? AND (b.seq < 1 OR b.seq > ?) AND NOT EXISTS "
            "(SELECT 1 FROM sparse s WHERE s.log = b.log AND s.seq = b.seq) LIMIT 1000"
        )
        return [seq for (seq,) in self.rows(statement, (log, size), log=log) if isinstance(seq, int)]

    def walk(self, statement: str, values: tuple[Cell, ...]) -> Iterator[tuple[Cell, ...]]:
        """Yield what can be read of a statement's rows; damage ends them and becomes a finding."""
        try:
            yield from self._file.query(statement, values)
        except StoreError as raised:
            self._damage(raised)

    def _between(self, statement: str, log: str, first_seq: int, last_seq: int) -> list[tuple[Cell, ...]]:
        """Where the quick statement meets damage, read each position by itself: a page hides only its own."""
        try:
            return self._file.query_all(statement, (log, first_seq, last_seq))
        except StoreError as raised:
            self._damage(raised, log=log, seq=first_seq)
        if first_seq == last_seq:
            return []
        singly = (
            self.rows(statement, (log, seq, seq), log=log, seq=seq) for seq in range(first_seq, last_seq + 1)
        )
        return [row for rows in singly for row in rows]

    def _damage(self, raised: StoreError, *, log: str = "", seq: int = 0) -> None:
        self.report(error("file.damaged", log=log, seq=seq, cause=raised.code))


def _records(rows: Iterator[ActRow]) -> Iterator[CaseRecord]:
    for row in rows:
        if isinstance(row.case_id, bytes) and isinstance(row.log, str) and isinstance(row.frame, bytes):
            yield CaseRecord(
                row.case_id,
                row.log,
                row.seq if isinstance(row.seq, int) else 0,
                str(row.action),
                row.frame,
                row.facts if isinstance(row.facts, bytes) else None,
                row.topic is None,
            )
