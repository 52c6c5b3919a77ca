"""What an audit reads from a ledger file: one snapshot, rows in batches, damage as findings.

Joins spare a statement for each act. They only choose which row is compared with which frame: every value
that
comes out is checked against the signed bytes, and rows that no frame leads to are counted afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias, TypeVar

from audit.findings import Finding, error
from ledger.act import act_id
from ledger.errors import BanjianError, StoreError
from ledger.frame import split_frame
from ledger.reader import LedgerFile, open_ledger_file

Cell: TypeAlias = "int | float | str | bytes | None"
T = TypeVar("T")


class EventRow(NamedTuple):
    """One stored frame with the rows that belong to its act; any value may be of any type in a damaged file.

    ``index_*`` come from the table of acts, ``personal_*`` from the table of personal bodies; all None when
    there is no such row.
    """

    seq: Cell
    topic: Cell
    frame: Cell
    index_log: Cell
    index_seq: Cell
    index_case: Cell
    index_action: Cell
    index_occurred_at_ms: Cell
    facts: Cell
    personal_case: Cell
    personal_nonce: Cell
    personal_ciphertext: Cell
    wrapped: Cell


class LogRow(NamedTuple):
    """One row of the table of logs."""

    log: str
    kind: str
    station: str
    genesis: bytes
    own: int
    state: str


class CaseRecord(NamedTuple):
    """One act of a case, as it is stored."""

    case_id: bytes
    log: str
    seq: int
    action: str
    frame: bytes
    facts: bytes | None


_FRAMES = (
    "SELECT originator_version, topic, state FROM stored_events "
    "WHERE originator_id = ? AND originator_version BETWEEN ? AND ? ORDER BY originator_version"
)
_WHOLE = (
    "SELECT a.act_id, a.log, a.seq, a.case_id, a.action, a.occurred_at_ms, f.body, "
    "p.case_id, p.nonce, p.ciphertext, {wrapped} FROM acts a LEFT JOIN facts f ON f.act_id = a.act_id "
    "LEFT JOIN personal p ON p.act_id = a.act_id {keys} WHERE a.act_id IN "
)
_FACTS = "SELECT act_id, body FROM facts WHERE act_id IN "
_PERSONAL = "SELECT act_id, case_id, nonce, ciphertext, NULL FROM personal WHERE act_id IN "
_NO_INDEX: tuple[Cell, ...] = (None,) * 5
_NO_FACTS: tuple[Cell, ...] = (None,)
_NO_PERSONAL: tuple[Cell, ...] = (None,) * 4
_NOTHING = _NO_INDEX + _NO_FACTS + _NO_PERSONAL
_CASES = (
    "SELECT a.case_id, a.log, a.seq, a.action, coalesce(e.state, s.frame), f.body FROM acts a "
    "LEFT JOIN stored_events e ON e.originator_id = a.log AND e.originator_version = a.seq "
    "LEFT JOIN sparse s ON s.act_id = a.act_id "
    "LEFT JOIN facts f ON f.act_id = a.act_id "
)
_ORPHANS = (
    ("body.orphan_facts", "SELECT act_id FROM facts WHERE act_id NOT IN (SELECT act_id FROM acts) LIMIT 200"),
    (
        "body.orphan_personal",
        "SELECT act_id FROM personal WHERE act_id NOT IN (SELECT act_id FROM acts) LIMIT 200",
    ),
)


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
        report: takes findings about what cannot be read.
        keys: read the wrapped keys of cases as well.
    """

    def __init__(self, file: LedgerFile, report: Callable[[Finding], None], *, keys: bool = False) -> None:
        self._whole = _WHOLE.format(
            wrapped="k.wrapped" if keys else "NULL",
            keys="LEFT JOIN case_keys k ON k.case_id = p.case_id" if keys else "",
        )
        self._file = file
        self._report = report

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

    def rows(
        self, statement: str, values: Sequence[Cell] = (), *, log: str = "", seq: int = 0
    ) -> list[tuple[Cell, ...]]:
        """Return what can be read of a statement's rows; damage becomes a finding at the given place."""
        found: list[tuple[Cell, ...]] = []
        try:
            for row in self._stream(statement, values):
                found.append(row)
        except StoreError as raised:
            self._damage(raised, log=log, seq=seq)
        return found

    def logs(self) -> list[LogRow]:
        """Return the rows of the table of logs that have the right types; others are findings."""
        found: list[LogRow] = []
        for row in self.rows("SELECT log, kind, station, genesis, own, state FROM logs ORDER BY log"):
            log, kind, station, genesis, own, state = row
            if isinstance(log, str) and isinstance(genesis, bytes) and isinstance(own, int):
                found.append(LogRow(log, str(kind), str(station), genesis, own, str(state)))
            else:
                self._report(error("log.row", log=str(log)))
        return found

    def event_logs(self) -> list[tuple[str, int, int]]:
        """Return name, number of frames and highest position of every log that has frames."""
        statement = (
            "SELECT originator_id, count(*), max(originator_version) "
            "FROM stored_events GROUP BY originator_id"
        )
        return [
            (log, count, highest)
            for log, count, highest in self.rows(statement)
            if isinstance(log, str) and isinstance(count, int) and isinstance(highest, int)
        ]

    def events(self, log: str, first_seq: int, last_seq: int) -> list[EventRow]:
        """Return the frames from ``first_seq`` to ``last_seq`` of a log with what belongs to their acts."""
        frames = self._frames(log, first_seq, last_seq)
        ids = [_act_id(state) for _, _, state in frames]
        asked = [one for one in ids if one is not None]
        whole = self._by_act(self._whole, asked, log=log, seq=first_seq)
        if len(whole) < len(asked):
            self._complete(whole, [one for one in asked if one not in whole], log=log, seq=first_seq)
        return [
            EventRow._make(frame + whole.get(act, _NOTHING)) for frame, act in zip(frames, ids, strict=True)
        ]

    def sparse(self) -> Iterator[tuple[Cell, ...]]:
        """Yield act id, log, position, frame and facts of the frames that came with a case."""
        statement = (
            "SELECT s.act_id, s.log, s.seq, s.frame, f.body FROM sparse s "
            "LEFT JOIN facts f ON f.act_id = s.act_id"
        )
        try:
            yield from self._stream(statement, ())
        except StoreError as raised:
            self._damage(raised)

    def act_at(self, log: str, seq: int) -> bytes | None:
        """Return the id of the act that stands at a position, None when there is none that can be read."""
        frames = self._frames(log, seq, seq)
        return _act_id(frames[0][2]) if frames else None

    def act_rows(self) -> Iterator[tuple[bytes, str, int]]:
        """Yield id, log and position of every row of the table of acts besides those of sparse frames."""
        statement = "SELECT act_id, log, seq FROM acts WHERE act_id NOT IN (SELECT act_id FROM sparse)"
        try:
            for act, log, seq in self._stream(statement, ()):
                if isinstance(act, bytes) and isinstance(log, str) and isinstance(seq, int):
                    yield act, log, seq
        except StoreError as raised:
            self._damage(raised)

    def act_row_count(self) -> int:
        """Return how many rows the table of acts has besides those of sparse frames."""
        statement = "SELECT count(*) FROM acts WHERE act_id NOT IN (SELECT act_id FROM sparse)"
        rows = self.rows(statement)
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0

    def cases(self, case_id: bytes | None = None) -> Iterator[CaseRecord]:
        """Yield the stored acts of one case or of all, each case in one piece."""
        if case_id is None:
            return self._records(_CASES + "ORDER BY a.case_id", ())
        return self._records(_CASES + "WHERE a.case_id = ?", (case_id,))

    def openings(self) -> Iterator[CaseRecord]:
        """Yield the acts that open cases and other threads: those whose own id begins with the case's."""
        return self._records(_CASES + "WHERE substr(a.act_id, 1, 16) = a.case_id", ())

    def stray_logs(self, known: Collection[str]) -> list[tuple[str, str]]:
        """Return table and log name of rows about logs other than the known ones."""
        return [
            (table, str(log))
            for table in ("heads", "tree", "checkpoints", "receipts")
            for (log,) in self.rows(f"SELECT DISTINCT log FROM {table}")
            if log not in known
        ]

    def orphans(self) -> list[tuple[str, bytes]]:
        """Return code and act id of rows that no stored act leads to."""
        return [
            (code, act if isinstance(act, bytes) else b"")
            for code, statement in _ORPHANS
            for (act,) in self.rows(statement)
        ]

    def _records(self, statement: str, values: tuple[Cell, ...]) -> Iterator[CaseRecord]:
        try:
            for found, log, seq, action, frame, facts in self._stream(statement, values):
                if isinstance(found, bytes) and isinstance(log, str) and isinstance(frame, bytes):
                    yield CaseRecord(
                        found,
                        log,
                        seq if isinstance(seq, int) else 0,
                        str(action),
                        frame,
                        facts if isinstance(facts, bytes) else None,
                    )
        except StoreError as raised:
            self._damage(raised)

    def _frames(self, log: str, first_seq: int, last_seq: int) -> list[tuple[Cell, ...]]:
        """Where the quick statement meets damage, read each position by itself: a page hides only its own."""
        try:
            return list(self._stream(_FRAMES, (log, first_seq, last_seq)))
        except StoreError as raised:
            self._damage(raised, log=log, seq=first_seq)
        if first_seq == last_seq:
            return []
        singly = (
            self.rows(_FRAMES, (log, seq, seq), log=log, seq=seq) for seq in range(first_seq, last_seq + 1)
        )
        return [row for rows in singly for row in rows]

    def _complete(
        self, whole: dict[Cell, tuple[Cell, ...]], missing: list[bytes], *, log: str, seq: int
    ) -> None:
        """Add the bodies of acts that have no row in the table of acts, or whose rows met damage."""
        facts = self._by_act(_FACTS, missing, log=log, seq=seq)
        personal = self._by_act(_PERSONAL, missing, log=log, seq=seq)
        for act in missing:
            whole[act] = _NO_INDEX + facts.get(act, _NO_FACTS) + personal.get(act, _NO_PERSONAL)

    def _by_act(
        self, statement: str, acts: list[bytes], *, log: str, seq: int
    ) -> dict[Cell, tuple[Cell, ...]]:
        marks = ",".join("?" * len(acts))
        try:
            return {row[0]: row[1:] for row in self._stream(f"{statement}({marks})", acts)}
        except StoreError as raised:
            self._damage(raised, log=log, seq=seq)
        singly = (self.rows(f"{statement}(?)", (act,), log=log, seq=seq) for act in acts)
        return {row[0]: row[1:] for rows in singly for row in rows}

    def _stream(self, statement: str, values: Sequence[Cell]) -> Iterator[tuple[Cell, ...]]:
        # The one place that needs more of the reader than its named queries.
        return self._file._query(statement, values)

    def _damage(self, raised: StoreError, *, log: str = "", seq: int = 0) -> None:
        self._report(error("file.damaged", log=log, seq=seq, cause=raised.code))


def _act_id(frame: Cell) -> bytes | None:
    try:
        return act_id(split_frame(frame if isinstance(frame, bytes) else b"").act_raw)
    except BanjianError:
        return None
