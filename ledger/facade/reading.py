"""Lists, searches and pages: everything that people look at, from one consistent view of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from ledger.body import open_body
from ledger.calendar import day_start_ms, local_date
from ledger.casenumber import normalise
from ledger.catalogue import Rules
from ledger.errors import BanjianError, InputError, RuleError
from ledger.facade.casebook import CaseBook
from ledger.facade.opening import read_personal
from ledger.facade.tables import CASES, MOVED, NEVER_MS, NUMBERS, TOKENS
from ledger.facade.types import CaseRow, DayClear
from ledger.facade.vault import Vault
from ledger.identity import query_keys
from ledger.knowledge import Knowledge
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Range, Row, prefix
from ledger.types import ActId, CaseId, Facts, StationId

AWAITING_COLLECTION = ("decided", "issued")
BEFORE_ACCEPTANCE = ("received", "correcting")
FIND_MAX = 200
HEX_PREFIX_CHARS_MIN = 6


class Reader:
    """Answers questions from a read transaction.

    Args:
        vault: to show names; None shows none.
    """

    def __init__(self, knowledge: Knowledge, book: CaseBook, vault: Vault | None) -> None:
        self._knowledge = knowledge
        self._book = book
        self._vault = vault

    def worklist(
        self,
        tx: ReadTx,
        *,
        station: StationId | None,
        now_ms: int,
        include_closed: bool,
        limit: int | None,
        names: bool,
    ) -> list[CaseRow]:
        """Return the open cases that a station holds or was offered, the most urgent first."""
        found: dict[bytes, Row] = {}
        opened = {} if include_closed else {"open": 1}
        if station is None:
            wheres: list[dict[str, int | str]] = [{**opened}]
        else:
            wheres = [{**opened, "custodian": station}, {**opened, "offered_to": station}]
        for where in wheres:
            for row in tx.select(CASES, where, order_by=("red_at_ms",), limit=limit):
                found[_bytes(row[0])] = row
        ordered = sorted(
            found.values(), key=lambda row: (-_int(row[11]), _int(row[14]), _int(row[9]), _bytes(row[0]))
        )
        return [self._row(tx, row, now_ms, names=names) for row in ordered[:limit]]

    def day_clear(self, tx: ReadTx, *, station: StationId, day: date, now_ms: int) -> DayClear:
        """Return the day-clear list (日清) of a station and day."""
        start, end = day_start_ms(day), day_start_ms(day + timedelta(days=1))
        received = tx.select(
            CASES, {"received_station": station, "opened_at_ms": Range(at_least=start, below=end)}
        )
        held = self.rows(tx, tx.select(CASES, {"open": 1, "custodian": station}), now_ms)
        offered = self.rows(tx, tx.select(CASES, {"open": 1, "offered_to": station}), now_ms)
        version = self._knowledge.calendars.version
        moved = {_bytes(row[0]) for row in tx.select(MOVED, {}) if row[1] == version}
        return DayClear(
            station=station,
            day=day,
            received=tuple(self.rows(tx, received, now_ms)),
            not_accepted=tuple(row for row in held if row.status in BEFORE_ACCEPTANCE),
            overdue=tuple(row for row in held if row.light == "red"),
            at_risk=tuple(row for row in held if row.light == "yellow"),
            pending=tuple(row for row in held if row.pending),
            offered=tuple(offered),
            awaiting_collection=tuple(row for row in held if row.status in AWAITING_COLLECTION),
            moved_earlier=tuple(row for row in held if row.case_id in moved),
        )

    def find(self, tx: ReadTx, text: str, *, station: StationId | None, now_ms: int) -> list[CaseRow]:
        """Return cases by number, name, pinyin initials, ID number or tail, phone tail or item."""
        wanted = text.strip()
        if not wanted:
            raise InputError("find.empty")
        found: dict[bytes, Row] = {}
        for row in self._matching(tx, wanted):
            # The limit counts what is shown: cases of other stations must not use it up.
            if station is None or station in (row[6], row[7], row[8]):
                found[_bytes(row[0])] = row
            if len(found) >= FIND_MAX:
                break
        return self.rows(tx, found.values(), now_ms)

    def _matching(self, tx: ReadTx, wanted: str) -> Iterator[Row]:
        """Yield the rows of cases that a text means, some more than once: by number, person, item."""
        for case_id in self._matching_ids(tx, wanted):
            row = tx.get(CASES, (case_id,))
            if row is not None:
                yield row
        items = tuple(code for code, item in self._items() if wanted == code or wanted in item)
        if items:
            yield from tx.select(CASES, {"item": OneOf(items)}, order_by=("opened_at_ms",), descending=True)

    def _matching_ids(self, tx: ReadTx, wanted: str) -> Iterator[bytes]:
        for row in tx.select(NUMBERS, {"number": prefix(typed_number(wanted))}):
            yield _bytes(row[1])
        if self._vault is not None:
            for token in self._vault.tokens(query_keys(wanted)):
                for row in tx.select(TOKENS, {"token": token}):
                    yield _bytes(row[1])

    def resolve(self, tx: ReadTx, ref: str) -> CaseId:
        """Return the case that a person means by a number or the beginning of its id in hexadecimal digits.

        Raises:
            InputError: ``case.unknown_ref`` or ``case.ambiguous``.
        """
        wanted = typed_number(ref)
        found = {_bytes(row[1]) for row in tx.select(NUMBERS, {"number": wanted}, limit=2)}
        if not found and len(wanted) >= HEX_PREFIX_CHARS_MIN:
            found = self._by_hex(tx, wanted.lower())
        if not found and wanted:
            found = {_bytes(row[1]) for row in tx.select(NUMBERS, {"number": prefix(wanted)}, limit=2)}
        if len(found) > 1:
            raise InputError("case.ambiguous", ref=ref)
        if not found:
            raise InputError("case.unknown_ref", ref=ref)
        return CaseId(found.pop())

    def rows(self, tx: ReadTx, rows: Iterable[Row], now_ms: int) -> list[CaseRow]:
        """Return rows as people see them, with the light as of now and the applicant's name."""
        return [self._row(tx, row, now_ms, names=True) for row in rows]

    def row(self, tx: ReadTx, case_id: CaseId, now_ms: int) -> CaseRow:
        """Return the line of one case.

        Raises:
            RuleError: ``case.unknown``.
        """
        row = tx.get(CASES, (case_id,))
        if row is None:
            raise RuleError("case.unknown", case=case_id)
        return self._row(tx, row, now_ms, names=True)

    def personal(self, tx: ReadTx, act_id: ActId) -> Facts | None:
        """Return a personal body; None when erased, withheld, absent or not to be opened here."""
        if self._vault is None:
            return None
        raw = read_personal(tx, self._vault, act_id)
        return None if raw is None else open_body(raw, limit_bytes=PERSONAL_BYTES_MAX)

    def _row(self, tx: ReadTx, row: Row, now_ms: int, *, names: bool) -> CaseRow:
        case_id = CaseId(_bytes(row[0]))
        item_code, version = str(row[2]), _int(row[3])
        red_at_ms = _int(row[14])
        return CaseRow(
            case_id=case_id,
            number=str(row[1]),
            item_code=item_code,
            item_name=self._item_name(item_code, version),
            status=str(row[5]),
            custodian=StationId(str(row[6])),
            offered_to=str(row[7]),
            received_station=StationId(str(row[8])),
            applicant=self._applicant(tx, case_id) if names else "",
            opened_at_ms=_int(row[9]),
            last_at_ms=_int(row[10]),
            light=light_of_row(row, now_ms),
            clock=str(row[12]),
            due_on=None if red_at_ms == NEVER_MS else local_date(red_at_ms - 1),
            conflict=row[16] == 1,
            pending=row[17] == 1,
            open=row[11] == 1,
        )

    def _applicant(self, tx: ReadTx, case_id: CaseId) -> str:
        if self._vault is None:
            return ""
        for row in tx.select(schema.PERSONAL, {"case_id": case_id}):
            act_id = ActId(_bytes(row[0]))
            if act_id[:16] != case_id:
                continue
            try:
                personal = self.personal(tx, act_id)
            except BanjianError:
                return ""
            applicant = None if personal is None else personal.get("applicant")
            name = applicant.get("name") if isinstance(applicant, dict) else None
            return name if isinstance(name, str) else ""
        return ""

    def _item_name(self, code: str, version: int) -> str:
        try:
            rules: Rules = self._knowledge.rules(code, version)
        except BanjianError:
            return code
        return rules.item.name.zh

    def _items(self) -> Sequence[tuple[str, str]]:
        items = self._knowledge.catalogue.items(self._knowledge.catalogue.size)
        return [(code, item.name.zh) for code, item in items.items()]

    def _by_hex(self, tx: ReadTx, text: str) -> set[bytes]:
        try:
            low = bytes.fromhex(text.ljust(32, "0"))
            high = bytes.fromhex(text.ljust(32, "f"))
        except ValueError:
            return set()
        if len(low) != 16:
            return set()
        return {
            _bytes(row[0])
            for row in tx.select(CASES, {"case_id": Range(at_least=low, at_most=high)}, limit=2)
        }


def light_of_row(row: Row, now_ms: int) -> str:
    """Return the light of a case row as of a moment: two comparisons."""
    if row[11] != 1:
        return "done"
    if now_ms >= _int(row[14]):
        return "red"
    if now_ms >= _int(row[13]):
        return "yellow"
    if row[15] == 1 and row[14] == NEVER_MS:
        return "paused"
    return "green" if row[14] != NEVER_MS else "done"


def typed_number(text: str) -> str:
    """Return a typed case number in its printed form; anything else in capitals without spaces."""
    try:
        return normalise(text)
    except InputError:
        return "".join(text.upper().split())


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else b""


def _int(cell: object) -> int:
    return cell if isinstance(cell, int) else 0
