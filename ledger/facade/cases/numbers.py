"""What the ledger fills into the facts before anyone signs: case number, rating token, day of a late entry.

Numbers are minted offline from the log's own count; the county is never asked. A slip that was printed before
its machine was lost, or a pad that was printed beforehand, carries a number already: entered later, the case
keeps it, for it is what the citizen asks by.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from itertools import count

from ledger.cases.guards import token_hash
from ledger.cases.number import (
    UNKNOWN_DATE,
    CaseNumber,
    date_part,
    day_text,
    is_misread,
    is_number,
    log_tag,
    mint,
    normalise,
    parse,
    searched,
)
from ledger.cases.shape import CaseState
from ledger.days.calendar import local_date
from ledger.errors import BanjianError, InputError
from ledger.facade.base.clock import Randomness
from ledger.facade.base.ondemand import OnDemand
from ledger.facade.base.tables import CASES, NUMBERS, STATUS
from ledger.facade.base.types import Command
from ledger.facade.logs.countyfold import COUNTY_KINDS
from ledger.formats.act import case_of
from ledger.formats.body import open_body
from ledger.formats.frame import decode_frame
from ledger.limits import FACTS_BYTES_MAX
from ledger.rules.casetype import ActionSpec
from ledger.store import schema
from ledger.store.contract import ReadTx
from ledger.store.tables import Cell, OneOf, Range, Row, Where
from ledger.types import CaseId, Facts, LogId, StationId

TOKEN_BYTES = 5
LOG_ID_CHARS = 32
"""Hexadecimal digits of a log id, with which every name of a log begins."""

VOIDED = "void"
"""State of a case that was voided."""
_RECEIVED = CASES.column_names.index("received_station")
_NUMBER = CASES.column_names.index("number")
PAPER = "paper"
"""Stands for the day in the row of a number that is a paper's and not the case's own."""
PAD = "pad"
"""Stands for the day in the row of a number from an emergency pad."""
_FIRST_DAY = "0"
"""Before every day as it stands in numbers; behind the empty text, before ``pad`` and ``paper``."""
PADS_AHEAD_MAX = 10_000
"""How many numbers beyond the newest that was used a pad may have been printed."""

"""Logs in which nothing is written at a village's counter, so that its clock cannot spoil them."""

NumberRow = tuple[str, CaseId, str, str, int]


def complete_facts(
    reading: OnDemand,
    command: Command,
    action: ActionSpec,
    *,
    log_id: LogId,
    now_ms: int,
    randomness: Randomness,
) -> tuple[Facts, str]:
    """Return the facts with what the ledger fills in, and the token to print ("" for none).

    Args:
        reading: to count the numbers that the log has minted on that day.
        command: what the person wants.
        action: the action of the case type.
        log_id: the log that will hold the act.
        now_ms: the station's clock; one that is far off puts no date into the number.
        randomness: source of the token.

    Raises:
        InputError: ``number.check`` or ``number.shape`` when the number on the paper is a case number with a
            wrong character, or one that is never printed; ``number.not_given`` when it is one of this log
            that it never gave; ``number.entered`` when it is a case's own or one of this station was
            entered from it; ``number.paper_entered`` for any other number of a paper of this station;
            ``number.other_paper`` when a later act names a printed number that its case does not carry.
    """
    facts = dict(command.facts)
    token = ""
    if action.opens:
        _keep_paper_number(reading, command, action, facts, log_id)
    elif command.case is not None:
        _require_own_sheet(reading, command.case, _paper(facts))
    if "number" in action.facts and not facts.get("number"):
        tx, name = reading.tx(), log_id.hex()
        day = date_part(now_ms, known_ms=known_time_ms(tx, name))
        first = next_ordinal(tx, name, day_text(day))
        # Another machine of the station, or an act from elsewhere, may have taken a number that this log had
        # not given yet: it is passed over, else the counter would stand still.
        minted = (mint(command.station, log_id, ordinal, day) for ordinal in count(first))
        facts["number"] = next(number for number in minted if not _owned(tx, number))
    if action.opens and "token_hash" in action.facts and "token_hash" not in facts:
        token = new_token(randomness)
        facts["token_hash"] = token_hash(token.encode("ascii"))
    late = facts.get("late_entry")
    if isinstance(late, dict) and "entered_on" not in late and _says_entered_on(action):
        facts["late_entry"] = {**late, "entered_on": local_date(now_ms).isoformat()}
    return facts, token


def _keep_paper_number(
    reading: OnDemand, command: Command, action: ActionSpec, facts: Facts, log_id: LogId
) -> None:
    """Let a case keep the number of this station that its paper carries; papers of others are found by it."""
    paper = _paper(facts)
    if not paper or facts.get("number"):
        return
    if not is_number(paper):
        if is_misread(paper):
            parse(paper)
        _refuse_same_paper(reading.tx(), paper, command.station)
        return
    number, parts = normalise(paper), parse(paper)
    if any(_stands_in_way(reading.tx(), row, command.station) for row in _carrying(reading.tx(), number)):
        raise InputError("number.entered", number=number)
    if "number" not in action.facts or parts.station != command.station or _owned(reading.tx(), number):
        return
    ours = parts.tag == log_tag(log_id)
    if _is_carried(reading.tx(), log_id.hex() if ours else "", number):
        return
    if ours and not _is_given(reading.tx(), log_id.hex(), parts):
        raise InputError("number.not_given", number=number)
    facts["number"] = number


def _paper(facts: Facts) -> str:
    late = facts.get("late_entry")
    paper = late.get("paper_no") if isinstance(late, dict) else None
    return paper if isinstance(paper, str) else ""


def _require_own_sheet(reading: OnDemand, case_id: CaseId, paper: str) -> None:
    """Refuse a printed number that a case does not carry, for an act of that case entered late.

    A slip or a sheet of a pad is the receipt of one case: what else was written on it happened in that case,
    and a blank one is there to receive with. Numbers that people give by hand are not judged: each form and
    each book counts by itself, so that two papers may well have one.
    """
    if is_misread(paper):
        parse(paper)
    if not is_number(paper):
        return
    carried = {row[1] for row in _carrying(reading.tx(), normalise(paper))}
    if case_id not in carried:
        raise InputError("number.other_paper", number=normalise(paper))


def _is_given(tx: ReadTx, log: str, parts: CaseNumber) -> bool:
    """Tell whether a log may have given one of its numbers; the ledger does not know which pads were printed.

    One that it gives later would be lost to it, or would let it go on counting from there.
    """
    if parts.pad:
        return parts.ordinal < next_ordinal(tx, log, PAD) + PADS_AHEAD_MAX
    return parts.ordinal < next_ordinal(tx, log, parts.day)


def _carrying(tx: ReadTx, number: str) -> list[Row]:
    return list(tx.select(NUMBERS, {"number": number}))


def _owned(tx: ReadTx, number: str) -> bool:
    """Tell whether a number is a case's own."""
    return any(row[3] != PAPER for row in _carrying(tx, number))


def _is_carried(tx: ReadTx, log: str, number: str) -> bool:
    """Tell whether a voided case carries a number whose row is gone: lists and acts of the log are asked.

    Args:
        tx: to read with.
        log: the log that would give such a number, all of whose bodies are looked through; "" asks the list
            of cases alone, for a log is long and mostly carries numbers of its own.
        number: as it is printed, for which there is no row of a case of its own.

    Raises:
        InputError: ``number.entered`` when a case carries it that was not voided.
    """
    cases = [row[0] for row in tx.select(CASES, {"number": number}, columns=("case_id",))]
    places = _carried_numbers(tx, {"log": log}, number) if log else ()
    frames = (tx.frame(log, seq) for seq, _ in places)
    cases += [case_of(decode_frame(frame).act) for frame in frames if frame is not None]
    held = [tx.get(CASES, (case_id,)) for case_id in cases]
    if any(case is None or case[STATUS] != VOIDED for case in held):
        raise InputError("number.entered", number=number)
    return bool(held)


def _stands_in_way(tx: ReadTx, carrying: Row, station: StationId) -> bool:
    """Tell whether a case that carries a number keeps a station from entering a paper of that number.

    One whose own number it is does, wherever it was received; one that only names it as its paper's does at
    its own station: else any station could take the numbers of another's pads. What was voided does not.
    """
    case = tx.get(CASES, (carrying[1],))
    if carrying[3] != PAPER:
        return case is None or case[STATUS] != VOIDED
    return case is not None and case[STATUS] != VOIDED and case[_RECEIVED] == station


def _refuse_same_paper(tx: ReadTx, paper: str, station: StationId) -> None:
    """Refuse a number that is no case number where a case of the same station was entered from it.

    Numbers of that kind are given by hand, so two stations may well have the same one
    (``ledger.facade.cases.twins``); what was voided may be entered again.
    """
    written = searched(paper)
    for row in _carrying(tx, written) if written else ():
        held = tx.get(CASES, (row[1],)) if row[3] == PAPER else None
        if held is not None and held[STATUS] != VOIDED and held[_RECEIVED] == station:
            raise InputError("number.paper_entered", paper=paper, number=str(held[_NUMBER]))


def _says_entered_on(action: ActionSpec) -> bool:
    spec = action.facts.get("late_entry")
    return spec is not None and "entered_on" in spec.fields


def known_time_ms(tx: ReadTx, log: str) -> int:
    """Return the newest time to be believed: the log's last entry, unless that is far from the county's.

    Else the first act under a wrong clock would vouch for the second.
    """
    logs = [row[0] for kind in COUNTY_KINDS for row in tx.select(schema.LOGS, {"kind": kind})]
    county = max((_head_ms(tx, str(name)) for name in logs), default=0)
    own = _head_ms(tx, log)
    return county if date_part(own, known_ms=county) is None else own


def _head_ms(tx: ReadTx, log: str) -> int:
    head = tx.get(schema.HEADS, (log,))
    return head[3] if head is not None and isinstance(head[3], int) else 0


def new_token(randomness: Randomness) -> str:
    """Return a rating token for a slip: eight letters and digits that cannot be misread."""
    return base64.b32encode(randomness(TOKEN_BYTES)).decode("ascii")


def next_ordinal(tx: ReadTx, log: str, day: str) -> int:
    """Return the ordinal of the next case that a log opens on a day (yymmdd), or of its next pad, from 1.

    Each case that a log numbered is an entry of it: an ordinal beyond its size is none that it gave, and is
    not counted on from. Rows may have been taken away, while the acts that carry the numbers still lie here:
    those behind the newest row are looked through, mostly the few since the last case.
    """
    if day == PAD:
        newest = _newest(tx, {"log": log, "day": PAD}, ("ordinal",))
        return 1 + (0 if newest is None else _whole(newest[4]))
    head = tx.get(schema.HEADS, (log,))
    size = 0 if head is None else _whole(head[1])
    days, given = Range(at_least=_FIRST_DAY, at_most=day), Range(at_most=size)
    newest = _newest(tx, {"log": log, "day": days, "ordinal": given}, ("day", "ordinal"))
    counted, after = 0, 0
    if newest is not None:
        counted, after = _whole(newest[4]) if newest[3] == day else 0, _opened_at(tx, newest[1], log)
    return 1 + max((counted, *_carried(tx, log, day, Range(above=after))))


def next_pad_ordinal(tx: ReadTx, log: str) -> int:
    """Return the ordinal behind the highest emergency number that a case of a log carries.

    Looks through all acts of the log, for rows may have been taken away: asked when numbers are printed,
    which is rare.
    """
    marker = f"-{UNKNOWN_DATE}-{_tag(log)}-P"
    carried = (parse(number).ordinal for _, number in _carried_numbers(tx, {"log": log}, marker))
    return max((next_ordinal(tx, log, PAD) - 1, *carried)) + 1


def _newest(tx: ReadTx, where: Mapping[str, Cell | Range | OneOf], order_by: tuple[str, ...]) -> Row | None:
    return next(tx.select(NUMBERS, where, order_by=order_by, descending=True, limit=1), None)


def _opened_at(tx: ReadTx, case_id: Cell, log: str) -> int:
    """Return at which position of a log a case was opened; 0 where it was not."""
    if not isinstance(case_id, bytes):
        return 0
    for act_id, seq in tx.select(schema.ACTS, {"case_id": case_id, "log": log}, columns=("act_id", "seq")):
        if isinstance(act_id, bytes) and act_id.startswith(case_id):
            return _whole(seq)
    return 0


def _carried(tx: ReadTx, log: str, day: str, where: Range) -> Iterator[int]:
    """Yield the ordinals of a day that acts at some positions of a log carry as numbers of this log."""
    for _, number in _carried_numbers(tx, {"log": log, "seq": where}, f"-{day}-{_tag(log)}-"):
        parts = parse(number)
        if not parts.pad:
            yield parts.ordinal


def _carried_numbers(tx: ReadTx, where: Where, marker: str) -> Iterator[tuple[int, str]]:
    """Yield position and number of the acts at some places that carry a case number with a text in it."""
    for seq, raw in tx.select(schema.BODIES, where, columns=("seq", "facts")):
        # Most acts carry no number: their bodies are not opened for that.
        if not isinstance(raw, bytes) or marker.encode("ascii") not in raw:
            continue
        try:
            number = str(open_body(raw, limit_bytes=FACTS_BYTES_MAX).get("number"))
        except BanjianError:
            continue
        if marker in number and is_number(number):
            yield _whole(seq), number


def _tag(log: str) -> str:
    return log_tag(LogId(bytes.fromhex(log[:LOG_ID_CHARS])))


def _whole(cell: Cell) -> int:
    return cell if isinstance(cell, int) else 0


def number_rows(state: CaseState, log: str) -> list[NumberRow]:
    """Return the rows that a case is found by: its number, and that of the paper that it was entered from."""
    if not state.number:
        return []
    rows = [number_row(state.number, state.case_id, log)]
    paper = paper_row(_opening(state), state.case_id, log)
    return rows if paper is None or paper[0] == state.number else [*rows, paper]


def _opening(state: CaseState) -> Facts:
    return next((step.act.facts for step in state.steps if step.act.act_id.startswith(state.case_id)), {})


def paper_row(facts: Facts, case_id: CaseId, log: str) -> NumberRow | None:
    """Return the row for the number of a paper that an opening was entered from; None without one."""
    written = searched(_paper(facts))
    return (written, case_id, log, PAPER, 0) if written else None


def paper_of(state: CaseState) -> str:
    """Return the number of the paper that a case was entered from, as it is looked for; "" for none."""
    found = paper_row(_opening(state), state.case_id, "")
    return "" if found is None else found[0]


def number_row(number: str, case_id: CaseId, log: str) -> NumberRow:
    """Return the row that keeps a number; one from paper or another log has no day and no ordinal."""
    try:
        parts = parse(number)
    except BanjianError:
        return number, case_id, log, "", 0
    if parts.tag != _tag(log):
        return number, case_id, log, "", 0
    return number, case_id, log, PAD if parts.pad else parts.day, parts.ordinal
