"""Lists, searches and pages: everything that people look at, from one consistent view of the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType

from ledger.cases.number import is_misread, searched, told_apart, typed_forms
from ledger.clocks.clocks import read_clocks
from ledger.days.calendar import day_start_ms, local_date
from ledger.errors import BanjianError, InputError, RuleError
from ledger.facade.base.tables import (
    CASES,
    CONFLICT,
    EXTERNALS,
    GRANTED,
    MOVED,
    NEVER_MS,
    NUMBERS,
    PAUSED,
    PENDING,
    REFUSED,
    RETURNED,
    TOKENS,
    case_cells,
    flags_with,
)
from ledger.facade.base.types import CaseRow, DayClear
from ledger.facade.base.vault import Vault
from ledger.facade.cases.applicants import applicant_texts
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.moved import earlier_limits
from ledger.facade.cases.numbers import PAPER
from ledger.facade.cases.secondsight import too_late
from ledger.facade.logs.bodies import read_personal
from ledger.formats.body import open_body
from ledger.identity import query_keys
from ledger.known.knowledge import Knowledge
from ledger.limits import PERSONAL_BYTES_MAX
from ledger.rules.catalogue import Rules
from ledger.store.contract import ReadTx
from ledger.store.tables import OneOf, Range, Row, prefix
from ledger.types import ActId, CaseId, Facts, StationId

AWAITING_COLLECTION = ("decided", "issued")
BEFORE_ACCEPTANCE = ("received", "correcting")
FIND_MAX = 200
Among = Callable[[str], bool]
"""Tells whether a station is one whose cases are asked for; "" is none."""
HEX_PREFIX_CHARS_MIN = 6
_NUMBERED_MAX = 16
_URGENT_FIRST = ("red_at_ms", "opened_at_ms")
_urgency = itemgetter(*(CASES.column_names.index(name) for name in (*_URGENT_FIRST, "case_id")))
_stations = itemgetter(
    *(CASES.column_names.index(name) for name in ("custodian", "offered_to", "received_station"))
)
_is_open = itemgetter(CASES.column_names.index("open"))


class Reader:
    """Answers questions from a read transaction.

    Args:
        vault: to show names; None shows none.
    """

    def __init__(self, knowledge: Knowledge, book: CaseBook, vault: Vault | None) -> None:
        self._knowledge = knowledge
        self._book = book
        self._vault = vault
        self._names: dict[tuple[str, int], str] = {}

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
        opened = {} if include_closed else {"open": 1}
        if station is None:
            wheres: list[dict[str, int | str]] = [{**opened}]
        else:
            wheres = [{**opened, "custodian": station}, {**opened, "offered_to": station}]
        lists = [list(tx.select(CASES, where, order_by=_URGENT_FIRST, limit=limit)) for where in wheres]
        ordered = lists[0]
        if any(lists[1:]):
            # A case may be held here and offered here; the two lists are in order each.
            ordered = sorted({row[0]: row for rows in lists for row in rows}.values(), key=_urgency)
        if include_closed:
            ordered.sort(key=_is_open, reverse=True)
        return self.rows(tx, ordered[:limit], now_ms) if names else self._lines(tx, ordered[:limit], now_ms)

    def in_conflict(self, tx: ReadTx, *, now_ms: int) -> list[CaseRow]:
        """Return the cases that wait for an adjudication, without names; closed ones too."""
        rows = tx.select(CASES, {"flags": flags_with(CONFLICT)}, order_by=("opened_at_ms",))
        return self._lines(tx, list(rows), now_ms)

    def day_clear(self, tx: ReadTx, *, station: StationId, day: date, now_ms: int, names: bool) -> DayClear:
        """Return the day-clear list (日清) of a station and day; names are left out where few are shown."""

        def read(rows: Iterable[Row]) -> list[CaseRow]:
            return self.rows(tx, rows, now_ms) if names else self._lines(tx, list(rows), now_ms)

        start, end = day_start_ms(day), day_start_ms(day + timedelta(days=1))
        opened = list(
            tx.select(CASES, {"received_station": station, "opened_at_ms": Range(at_least=start, below=end)})
        )
        held = read(tx.select(CASES, {"open": 1, "custodian": station}))
        offered = read(tx.select(CASES, {"open": 1, "offered_to": station}))
        noted = {row[0] for row in tx.select(MOVED, {})}
        return DayClear(
            station=station,
            day=day,
            received=tuple(read(row for row in opened if not _flags(row) & RETURNED)),
            returned=tuple(read(row for row in opened if _flags(row) & RETURNED)),
            not_accepted=tuple(row for row in held if row.status in BEFORE_ACCEPTANCE),
            overdue=tuple(row for row in held if row.light == "red"),
            at_risk=tuple(row for row in held if row.light == "yellow"),
            pending=tuple(row for row in held if row.pending),
            offered=tuple(offered),
            awaiting_collection=tuple(row for row in held if row.status in AWAITING_COLLECTION),
            moved_earlier=tuple(
                row for row in held if row.case_id in noted and self._ends_earlier(tx, row.case_id, now_ms)
            ),
        )

    def _ends_earlier(self, tx: ReadTx, case_id: CaseId, now_ms: int) -> bool:
        """Tell whether a clock that is still open ends before the day that was said for it once."""
        state, rules, _ = self._book.load(tx, case_id)
        return bool(earlier_limits(tx, case_id, read_clocks(state, rules, self._knowledge.calendars, now_ms)))

    def find(
        self,
        tx: ReadTx,
        text: str,
        *,
        station: StationId | None,
        now_ms: int,
        limit: int | None,
        among: Among | None,
    ) -> list[CaseRow]:
        """Return cases by number, name, pinyin initials, ID number or tail, phone tail or item."""
        wanted = text.strip()
        if not wanted:
            raise InputError("find.empty")
        found: dict[bytes, Row] = {}
        for row in self._matching(tx, wanted):
            # The limit counts what is shown: cases of other stations must not use it up.
            places = _stations(row)
            if (station is None or station in places) and (among is None or any(map(among, places))):
                found[_bytes(row[0])] = row
            if limit is not None and len(found) >= limit:
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
        for form in typed_forms(wanted):
            for row in tx.select(NUMBERS, {"number": prefix(form)}):
                yield _bytes(row[1])
        for row in tx.select(EXTERNALS, {"number": searched(wanted)}):
            yield _bytes(row[1])
        if self._vault is not None:
            for token in self._vault.tokens(query_keys(wanted)):
                for row in tx.select(TOKENS, {"token": token}):
                    yield _bytes(row[1])

    def resolve(self, tx: ReadTx, ref: str) -> CaseId:
        """Return the case that a person means by a number or the beginning of its id in hexadecimal digits.

        Raises:
            InputError: ``case.unknown_ref``, ``case.ambiguous``; ``number.check`` for a whole number of
                which a character is wrong.
        """
        forms = typed_forms(ref)
        found = _numbered(tx, forms)
        if not found and forms and len(forms[-1]) >= HEX_PREFIX_CHARS_MIN:
            found = self._by_hex(tx, forms[-1].lower())
        if not found:
            found = _numbered(tx, [prefix(form) for form in forms])
        if len(found) > 1:
            raise InputError("case.ambiguous", ref=ref, cases=told_apart(_numbers_of(tx, found)))
        if not found:
            raise InputError("number.check" if is_misread(ref) else "case.unknown_ref", ref=ref)
        return CaseId(found.pop())

    def rows(self, tx: ReadTx, rows: Iterable[Row], now_ms: int) -> list[CaseRow]:
        """Return rows as people see them, with the light as of now and the applicant's name."""
        lines = list(rows)
        if self._vault is None:
            return self._lines(tx, lines, now_ms)
        case_ids = [row[0] for row in case_cells(lines)]
        return self._lines(tx, lines, now_ms, applicant_texts(tx, self._vault, self._book, case_ids))

    def row(self, tx: ReadTx, case_id: CaseId, now_ms: int) -> CaseRow:
        """Return the line of one case.

        Raises:
            RuleError: ``case.unknown``.
        """
        row = tx.get(CASES, (case_id,))
        if row is None:
            raise RuleError("case.unknown", case=case_id)
        return self.rows(tx, [row], now_ms)[0]

    def named(self, tx: ReadTx, rows: Sequence[CaseRow]) -> list[CaseRow]:
        """Return lines with the names of their applicants: of a long list only those that are shown."""
        if self._vault is None:
            return list(rows)
        names = applicant_texts(tx, self._vault, self._book, [row.case_id for row in rows])
        return [row._replace(applicant=names.get(row.case_id, "")) for row in rows]

    def id_numbers(self, tx: ReadTx, rows: Sequence[CaseRow]) -> Mapping[CaseId, str]:
        """Return the identity numbers of the applicants of lines, of those whose number is known here."""
        if self._vault is None:
            return {}
        return applicant_texts(tx, self._vault, self._book, [row.case_id for row in rows], field="id_no")

    def personal(self, tx: ReadTx, case_id: CaseId, act_id: ActId) -> Facts | None:
        """Return a personal body; None when erased, withheld, absent or not to be opened here."""
        if self._vault is None:
            return None
        raw = read_personal(tx, self._vault, case_id, act_id)
        return None if raw is None else open_body(raw, limit_bytes=PERSONAL_BYTES_MAX)

    def _lines(
        self, tx: ReadTx, rows: Sequence[Row], now_ms: int, names: Mapping[CaseId, str] = MappingProxyType({})
    ) -> list[CaseRow]:
        cells, name_of = case_cells(rows), names.get
        late = too_late(tx, [row[0] for row in cells if row[-1] & PENDING], now_ms)
        items = {(row[2], row[3]) for row in cells}
        item_names = {(code, version): self._item_name(code, version) for code, version in items}
        # Named tuples are made past their constructor, which would take half the time of a long list.
        return [
            tuple.__new__(
                CaseRow,
                (
                    case_id,
                    number,
                    item,
                    item_names[item, version],
                    status,
                    custodian,
                    offered_to,
                    received_station,
                    name_of(case_id, ""),
                    opened_at_ms,
                    last_at_ms,
                    _light(open_, yellow_at_ms, red_at_ms, flags, now_ms),
                    clock,
                    _last_day(red_at_ms),
                    flags & CONFLICT != 0,
                    flags & PENDING != 0 and case_id not in late,
                    open_ == 1,
                    _result(flags),
                ),
            )
            for (
                case_id, number, item, version, status, custodian, offered_to, received_station,
                opened_at_ms, last_at_ms, open_, clock, yellow_at_ms, red_at_ms, flags,
            ) in cells
        ]  # fmt: skip

    def _item_name(self, code: str, version: int) -> str:
        known = self._names.get((code, version))
        if known is not None:
            return known
        try:
            rules: Rules = self._knowledge.rules(code, version)
        except BanjianError:
            return code
        # What a version says of an item never changes, and long lists name few items.
        self._names[code, version] = rules.item.name.zh
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


def _result(flags: int) -> str:
    """Return what was decided, "" while nothing is."""
    return "grant" if flags & GRANTED else "refuse" if flags & REFUSED else ""


def _light(open_: int, yellow_at_ms: int, red_at_ms: int, flags: int, now_ms: int) -> str:
    """Return the light of a case row as of a moment: two comparisons."""
    if open_ != 1:
        return "done"
    if now_ms >= red_at_ms:
        return "red"
    if now_ms >= yellow_at_ms:
        return "yellow"
    if red_at_ms != NEVER_MS:
        return "green"
    return "paused" if flags & PAUSED else "done"


@lru_cache(maxsize=4096)
def _last_day(red_at_ms: int) -> date | None:
    """Return the last day of a limit; lists are long and name few days."""
    return None if red_at_ms == NEVER_MS else local_date(red_at_ms - 1)


def _numbers_of(tx: ReadTx, case_ids: Collection[bytes]) -> dict[CaseId, str]:
    """Return cases with their numbers, the earliest first; without names, which no error holds.

    A number may have come without what else makes a case's row.
    """
    rows = case_cells(list(tx.select(CASES, {"case_id": OneOf(tuple(case_ids))}, order_by=("opened_at_ms",))))
    return {row[0]: row[1] for row in rows} | {
        CaseId(one): "—" for one in sorted(case_ids) if one not in {row[0] for row in rows}
    }


def _numbered(tx: ReadTx, wanted: Sequence[str | Range]) -> set[bytes]:
    """Return a few of the cases whose number is one of some, or in one of some ranges.

    A number that is a case's own goes before the same one on the paper of another.
    """
    for one in wanted:
        rows = list(tx.select(NUMBERS, {"number": one}, limit=_NUMBERED_MAX))
        if rows:
            return {_bytes(row[1]) for row in rows if row[3] != PAPER} or {_bytes(row[1]) for row in rows}
    return set()


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else b""


def _flags(row: Row) -> int:
    return case_cells([row])[0][14]
