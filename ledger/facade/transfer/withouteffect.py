"""What a log covers and what counts for nothing: found when it is taken in, and told with who signed it.

An act without authority, one that stands where none of its kind belongs, an opening that opens nothing and a
number that another case bears already are kept like everything else, and change no case. That the rest goes
on must not hide them: whoever supervises the station has to hear of them from the running station, not only
from an audit. The codes are those of the audit.

Source: docs/protocol.md, "Findings".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ledger.cases.shape import CaseAct
from ledger.errors import BanjianError, RuleError
from ledger.facade.base.peers import STUCK
from ledger.facade.base.synctables import SYNC_FINDINGS
from ledger.facade.cases.awaited import BEFORE_ALL, Sizes, due_findings, waiting_detail
from ledger.facade.cases.casebook import CaseBook
from ledger.facade.cases.repeated import NUMBER_REPEATED, bearers
from ledger.facade.cases.views import NO_CASE_ACTIONS
from ledger.facade.logs.bodies import Place, read_facts
from ledger.facade.logs.opening import BRANCH_MARK, Holdings
from ledger.facade.logs.placing import frame_at
from ledger.facade.logs.sparselane import Arrival
from ledger.facade.transfer.leakedkeys import KEY_LEAKED, is_leaked
from ledger.formats.act import Act, ActHeader, case_of
from ledger.formats.body import check_facts
from ledger.formats.frame import decode_frame
from ledger.formats.genesis import OPEN_LOG, LogGenesis
from ledger.known.knowledge import Knowledge
from ledger.known.opening import is_misplaced
from ledger.known.verified import VerifiedRecord
from ledger.registry.authority import KEY_UNKNOWN, NOT_FINAL, PROVISIONAL_GRANT, Refusal, check_log_opening
from ledger.registry.grant import GRANT, fault_code, read_grant
from ledger.store.contract import ReadTx, Store, WriteTx
from ledger.store.tables import OneOf, Range, Row, Where, cursor
from ledger.types import CaseId, Facts

CASE_UNFOLDED: Final = "audit.case_unfolded"
"""Code under which an opening is noted that names no item which the county publishes."""
MISPLACED: Final = "act.misplaced"
OTHER_STATION: Final = "act.other_station"
AUTHORITY: Final = ("authority.", "grant.")
"""With what the codes begin that say that an author may not have done what an act does."""
_BEHIND_ALL: Final = "~"
"""Stands behind every character of a code."""
LOOKED_AT: Final = 500
"""Findings that are looked at again in one transaction."""
_PREFIXES: Final = ("act.", "authority.", "grant.", "entry.", "encoding.", "body.", "audit.")


def is_without_effect(code: str, detail: str) -> bool:
    """Tell whether a finding is about an act without effect, about its number or about a leaked key.

    What a session could not pass on is told under the same codes; it is settled by the next session.
    """
    return code.startswith(_PREFIXES) and detail != STUCK


def fault_in_log(
    knowledge: Knowledge, genesis: LogGenesis, act: Act, *, seq: int, facts_raw: bytes, recorded_at_ms: int
) -> str:
    """Return why an act can count for nothing in a station's log, "" for no reason that is known here.

    Args:
        knowledge: registry and catalogue as held here.
        genesis: of the log.
        act: sound by itself: signature and bodies hold.
        seq: its position in the log.
        facts_raw: bytes of its facts.
        recorded_at_ms: time in its entry.
    """
    header = act.header
    if is_misplaced(header.action, genesis.kind, seq):
        return MISPLACED
    if header.station != genesis.station:
        return OTHER_STATION
    if header.action == OPEN_LOG:
        answer = check_log_opening(
            knowledge.registry, genesis.kind, actor_key_id=header.actor, station=genesis.station,
            registry_size=header.registry_size,
        )  # fmt: skip
        return answer.code if isinstance(answer, Refusal) else ""
    try:
        facts = check_facts(header, facts_raw)
    except BanjianError as error:
        return error.code
    code = _standing(knowledge, header, facts, recorded_at_ms)
    return code or (_grant_fault(knowledge, act, facts_raw) if header.action == PROVISIONAL_GRANT else "")


def note_without_effect(
    tx: WriteTx,
    knowledge: Knowledge,
    *,
    book: CaseBook,
    holdings: Holdings,
    arrival: Arrival,
    acts: Sequence[tuple[VerifiedRecord, CaseAct]],
    held: Sequence[tuple[VerifiedRecord, CaseAct]] = (),
) -> None:
    """Note what of some records, written just now, counts for nothing although each is sound by itself.

    Args:
        tx: the transaction that wrote them.
        knowledge: registry and catalogue as held here.
        book: says whether an opening opens a case.
        holdings: the logs.
        arrival: records of a station's log, or of a branch of one; those of other logs are left alone.
        acts: those of them that belong to cases and were written as new, resolved.
        held: openings among them that were here before, maybe without their facts, resolved.
    """
    log = holdings.logs.get(arrival.name.partition(BRANCH_MARK)[0])
    if log is None or log.genesis.kind != "station":
        return
    resolved = {record.seq: act for record, act in (*acts, *held)}
    rows: list[Row] = []
    for record in arrival.records:
        act, entry = record.act, record.entry
        if record.fault or act is None or entry is None:
            continue
        known = resolved.get(record.seq)
        if known is not None:
            code = known.blocked or _opening_fault(book, known)
        else:
            # In a branch the positions are counted anew; the entry says where it stands in the log.
            code = fault_in_log(
                knowledge, log.genesis, act, seq=entry.seq, facts_raw=record.facts_raw,
                recorded_at_ms=entry.recorded_at_ms,
            )  # fmt: skip
        if not code and is_leaked(knowledge.registry, act.header.actor, entry.log_id, entry.seq):
            code = KEY_LEAKED
        if code:
            detail = waiting_detail(code, act.header, knowledge.registry)
            rows.append((code, arrival.name, record.seq, arrival.received_at_ms, detail, 0))
    rows += _repeated(tx, arrival, _opening_well(book, acts))
    if rows:
        tx.insert_missing(SYNC_FINDINGS, rows)
    # A number that is told already is not laid at the door of whoever bore it first and comes again.
    again = _not_told(tx, list(_repeated(tx, arrival, _opening_well(book, held))))
    if again:
        tx.insert_missing(SYNC_FINDINGS, again)


def judge_waiting_again(
    store: Store,
    knowledge: Knowledge,
    *,
    book: CaseBook,
    holdings: Holdings,
    anew: bool = False,
    since: Sizes = BEFORE_ALL,
) -> bool:
    """Look again at what a longer registry or catalogue can take away; writes nothing where nothing changes.

    Args:
        store: the open store, as its one writer.
        knowledge: registry and catalogue as held by now.
        book: says whether an opening opens a case.
        holdings: the logs.
        anew: whether they were folded anew, so that nothing of what was known of authors holds any more.
        since: how long they were when this was last done: what waits for neither that grew is left alone.

    Returns:
        Whether anything waited for what came.
    """
    looked = False
    for where in _waiting(knowledge, since, anew=anew):
        after: Row | None = None
        while True:
            with store.read() as tx:
                rows = list(tx.select(SYNC_FINDINGS, where, limit=LOOKED_AT, after=after))
                found = [(row, _judged_again(tx, knowledge, row, book, holdings)) for row in rows]
            looked = looked or bool(rows)
            _change(store, [(row, now) for row, now in found if now != (row[0], row[4])])
            if len(rows) < LOOKED_AT:
                break
            after = cursor(SYNC_FINDINGS, rows[-1])
    return looked


def _waiting(knowledge: Knowledge, since: Sizes, *, anew: bool) -> list[Where]:
    """Return the conditions that select the findings which may stand otherwise by now."""
    if anew:
        ranges = [Range(at_least=kind, below=f"{kind}{_BEHIND_ALL}") for kind in AUTHORITY]
        return [{"code": CASE_UNFOLDED}, *({"code": one} for one in ranges)]
    grown: list[Where] = []
    if knowledge.registry.size != since.registry:
        grown += due_findings(sorted(NOT_FINAL), knowledge.registry, since)
    return grown + ([{"code": CASE_UNFOLDED}] if knowledge.catalogue.size != since.catalogue else [])


def _change(store: Store, changed: Sequence[tuple[Row, tuple[str, str]]]) -> None:
    if not changed:
        return
    with store.write() as tx:
        for row, (code, detail) in changed:
            tx.delete(SYNC_FINDINGS, {"code": row[0], "log": row[1], "seq": row[2]})
            if code:
                tx.insert_missing(SYNC_FINDINGS, [(code, *row[1:4], detail, 0)])


def _judged_again(
    tx: ReadTx, knowledge: Knowledge, row: Row, book: CaseBook, holdings: Holdings
) -> tuple[str, str]:
    """Return code and detail with which a finding stands by now, no code where nothing is wrong any more."""
    before, name, detail = str(row[0]), str(row[1]), str(row[4])
    place = Place(name, row[2] if isinstance(row[2], int) else 0)
    log, frame = holdings.logs.get(name.partition(BRANCH_MARK)[0]), frame_at(tx, place)
    if detail == STUCK or before == KEY_UNKNOWN or log is None or frame is None:
        # Some are looked at by whoever noted them.
        return before, detail
    try:
        whole = decode_frame(frame)
        header = whole.act.header
        facts_raw = read_facts(tx, case_of(whole.act), whole.act.act_id) or b""
        code = fault_in_log(
            knowledge, log.genesis, whole.act, seq=whole.entry.seq, facts_raw=facts_raw,
            recorded_at_ms=whole.entry.recorded_at_ms,
        )  # fmt: skip
        detail = waiting_detail(code, header, knowledge.registry)
        if code or header.parents or header.action in NO_CASE_ACTIONS:
            return code, detail
        case_id = case_of(whole.act)
        opening = next((one for one in book.acts(tx, case_id) if not one.parents), None)
    except BanjianError:
        # What changed on this disk is told elsewhere.
        return before, detail
    if opening is None:
        return "", detail
    return _opening_now(tx, book, opening, case_id, detail)


def _opening_now(
    tx: ReadTx, book: CaseBook, opening: CaseAct, case_id: CaseId, detail: str
) -> tuple[str, str]:
    """Return what is wrong with an opening that counts by now: another case may bear its number."""
    fault, number = _opening_fault(book, opening), opening.facts.get("number")
    if fault or not isinstance(number, str):
        return fault, detail
    others = bearers(tx, [number]).get(number, set()) - {case_id}
    return (NUMBER_REPEATED, number) if others else ("", detail)


def _standing(knowledge: Knowledge, header: ActHeader, facts: Facts, at_ms: int) -> str:
    resolver = knowledge.resolver
    if GRANT in facts:
        standing, _ = resolver.standing_under(
            facts[GRANT], actor_key_id=header.actor, station=header.station,
            registry_size=header.registry_size, action=header.action, recorded_at_ms=at_ms,
        )  # fmt: skip
        return standing.blocked
    return resolver.standing(
        actor_key_id=header.actor, station=header.station, registry_size=header.registry_size,
        action=header.action,
    ).blocked  # fmt: skip


def _grant_fault(knowledge: Knowledge, act: Act, facts_raw: bytes) -> str:
    """Return why a provisional grant gives nothing; whoever signs under it is told by their own acts."""
    try:
        grant = read_grant(act, facts_raw, ledger_id=knowledge.registry.ledger_id)
    except BanjianError as error:
        return fault_code(error)
    found = knowledge.resolver.grants.force(grant, size=act.header.registry_size)
    return found.code if isinstance(found, Refusal) else ""


def _opening_fault(book: CaseBook, act: CaseAct) -> str:
    if act.parents:
        return ""
    try:
        book.rules_for_opening(act)
    except RuleError:
        return CASE_UNFOLDED
    return ""


def _opening_well(
    book: CaseBook, acts: Sequence[tuple[VerifiedRecord, CaseAct]]
) -> list[tuple[VerifiedRecord, str]]:
    """Return the records that open a case with a number, each with its number; others bear none."""
    return [
        (record, number)
        for record, act in acts
        if isinstance(number := act.facts.get("number"), str)
        and not act.parents and not act.blocked and not _opening_fault(book, act)
    ]  # fmt: skip


def _not_told(tx: ReadTx, rows: Sequence[Row]) -> list[Row]:
    """Leave out the findings of numbers that were found to be borne by several cases before."""
    if not rows:
        return []
    asked: Where = {"code": NUMBER_REPEATED, "detail": OneOf(tuple({row[4] for row in rows}))}
    told = {row[0] for row in tx.select(SYNC_FINDINGS, asked, columns=("detail",))}
    return [row for row in rows if row[4] not in told]


def _repeated(tx: ReadTx, arrival: Arrival, opened: Sequence[tuple[VerifiedRecord, str]]) -> Iterator[Row]:
    """Yield a finding for each opening whose number another case bears.

    The lists are written at the end of the transaction: what comes together is compared here.

    Args:
        tx: what is held.
        arrival: the records.
        opened: those that open a case, each with its number.
    """
    bearing = bearers(tx, list(dict.fromkeys(number for _, number in opened)))
    for record, number in opened:
        cases = bearing.setdefault(number, set())
        cases.add(record.case_id)
        if len(cases) > 1:
            yield NUMBER_REPEATED, arrival.name, record.seq, arrival.received_at_ms, number, 0
