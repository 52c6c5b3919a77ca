"""One case told again from signed bytes: every act with its effect or why it has none, and the clocks.

``as_of`` leaves out what is claimed to have happened later, ``known_at`` what was recorded later, in
the county's own logs too: what the stations of this file could know then. Where a merge log is held, what
others recorded is known from when it was received.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.checking.acts import sound_facts
from audit.checking.cases import CaseFolder, CaseView
from audit.reading.county import TRAINING, fold_county, read_ledger_genesis
from audit.reading.findings import Collector, Finding
from audit.reading.incarnations import choose_registry
from audit.reading.judge import Judge, Place
from audit.reading.openings import all_stations, county_logs, read_openings, read_sparse_logs
from audit.reading.origins import LeafPlace, Origin, Origins
from audit.reading.source import CaseRecord, Source, database_of, open_database
from audit.telling.typedids import bounds_of
from audit.telling.words import moment
from ledger.cases.number import told_apart, typed_forms
from ledger.clocks.clocks import ClockReading, read_clocks
from ledger.errors import BanjianError, DataError, InputError
from ledger.formats.act import CASE_ID_BYTES, decode_act, verify_act
from ledger.formats.body import check_facts
from ledger.formats.entry import decode_entry
from ledger.formats.frame import split_frame
from ledger.registry.grant import signing_key
from ledger.types import ActId, CaseId, LedgerId

_DASHES = "-\u2010\u2013\u2014\u2212"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A case as of a moment and a state of knowledge.

    Attributes:
        view: acts, places, rules and folded state.
        clocks: readings at ``as_of_ms``.
        judge: registry and catalogue as known then.
        as_of_ms: the moment that the clocks are read at.
        known_at_ms: None for everything in the file.
        left_out: acts of the case that the two moments leave out.
        origins: where each act came from.
        findings: what was wrong with the bytes on the way.
        training: the ledger is for training; nothing in it is real.
    """

    view: CaseView
    clocks: tuple[ClockReading, ...]
    judge: Judge
    as_of_ms: int
    known_at_ms: int | None
    left_out: int
    origins: Mapping[ActId, Origin]
    findings: tuple[Finding, ...]
    training: bool


def replay_case(
    path: Path, ref: str, *, now_ms: int, as_of_ms: int | None = None, known_at_ms: int | None = None
) -> Replay:
    """Fold one case again.

    Args:
        path: station folder or database.
        ref: case number or its beginning, or the first digits of the case's id in hexadecimal.
        now_ms: the present, for clocks when neither moment is given.
        as_of_ms: the moment that is asked about.
        known_at_ms: what was recorded by then.

    Raises:
        ConfigError: ``audit.no_file``.
        InputError: ``case.unknown``, ``case.ambiguous``, ``audit.not_received`` or ``audit.not_recorded``.
        DataError: ``audit.no_registry`` when the file does not say who may do what.
        StoreError: the file cannot be opened.
    """
    collector = Collector()
    with open_database(database_of(path)) as file, Source(file, collector.add) as source:
        openings, branches = read_openings(source, collector.add)
        stations = all_stations(openings, read_sparse_logs(source, openings, collector.add))
        registry = choose_registry(openings, collector.add)
        genesis = None if registry is None else read_ledger_genesis(registry, collector.add)
        if registry is None or genesis is None:
            raise DataError("audit.no_registry")
        judge = fold_county(source, LedgerId(genesis[0]), genesis[1], openings, known_at_ms=known_at_ms)
        case_id = find_case(source, ref)
        records = list(source.cases(case_id))
        origins = Origins(source, openings, branches, stations)
        found = {(record.log, record.seq): origins.origin(record) for record in records}
        cut = None if known_at_ms is None else origins.cut(known_at_ms)
        moments = _Moments(as_of_ms=as_of_ms, known_at_ms=known_at_ms, cut=cut, origins=found)
        kept = [record for record in records if moments.hold(record)]
        later = [record for record in records if moments.is_later(record)]
        if records and not kept:
            raise moments.not_yet(records, ref)
        blocked = {(record.log, record.seq): code for record in kept if (code := _fault(record, judge))}
        folder = CaseFolder(
            judge.knowledge,
            stations=stations,
            county=county_logs(openings),
            blocked=blocked,
        )
        view = folder.fold(case_id, kept, beyond=later)
        if view is None:
            raise InputError("case.unknown", case=ref)
        read_at_ms = as_of_ms if as_of_ms is not None else known_at_ms if known_at_ms is not None else now_ms
        return Replay(
            view=view,
            clocks=_clocks(view, judge, read_at_ms),
            judge=judge,
            as_of_ms=read_at_ms,
            known_at_ms=known_at_ms,
            left_out=len(records) - len(kept),
            origins={act: found[place] for act, place in view.places.items() if place in found},
            findings=collector.sorted(),
            training=genesis[1].purpose == TRAINING,
        )


def find_case(source: Source, ref: str) -> bytes:
    """Return the id of the case that the beginning of an id, a number or its beginning means.

    Raises:
        InputError: ``case.unknown`` or ``case.ambiguous``.
    """
    found = _by_id(source, ref) or _by_number(source, _typed(ref))
    if not found:
        raise InputError("case.unknown", case=ref)
    if len(found) > 1:
        raise InputError("case.ambiguous", ref=ref, cases=told_apart(_printed(source, found)))
    return found[0]


def _by_id(source: Source, ref: str) -> list[bytes]:
    bounds = bounds_of(ref, id_bytes=CASE_ID_BYTES)
    if bounds is None:
        return []
    rows = source.rows("SELECT DISTINCT case_id FROM acts WHERE case_id BETWEEN ? AND ?", bounds)
    return [case_id for (case_id,) in rows if isinstance(case_id, bytes)]


def _by_number(source: Source, wanted: str) -> list[bytes]:
    fitting = [(case_id, number) for case_id, number in _numbers(source) if number.startswith(wanted)]
    whole = [case_id for case_id, number in fitting if number == wanted]
    return whole or [case_id for case_id, _ in fitting if wanted]


def _numbers(source: Source) -> list[tuple[bytes, str]]:
    """Return case and number of the opening acts: the number is what they signed, not what a view says."""
    found: list[tuple[bytes, str]] = []
    for record in source.openings():
        try:
            header = decode_act(split_frame(record.frame).act_raw)
            facts = check_facts(header, record.facts or b"")
        except BanjianError:
            continue
        number = facts.get("number")
        if not header.parents and isinstance(number, str):
            found.append((record.case_id, _typed(number)))
    return found


def _printed(source: Source, case_ids: Sequence[bytes]) -> dict[CaseId, str]:
    """Return cases with their numbers as they are printed."""
    numbers = dict(_numbers(source))
    return {
        CaseId(one): next(iter(typed_forms(numbers[one])), "—") if one in numbers else "—" for one in case_ids
    }


def _typed(number: str) -> str:
    """Return a number, or the beginning of one, without what people type differently."""
    plain = unicodedata.normalize("NFKC", number).upper()
    return "".join(char for char in plain if not char.isspace() and char not in _DASHES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moments:
    """The two moments that are asked about.

    Attributes:
        cut: the first leaf of the merge log that came after ``known_at_ms``.
        origins: where each act came from, by its place.
    """

    as_of_ms: int | None
    known_at_ms: int | None
    cut: LeafPlace | None
    origins: Mapping[Place, Origin]

    def hold(self, record: CaseRecord) -> bool:
        """Return whether an act is not left out."""
        times = _times(record)
        if times is None:
            return True
        _, recorded_at_ms = times
        if self.is_later(record):
            return False
        if self.known_at_ms is None or self.cut is None:
            return True
        origin = self.origins[record.log, record.seq]
        if origin.named is not None and not origin.home:
            return origin.named < self.cut
        return recorded_at_ms <= self.known_at_ms

    def is_later(self, record: CaseRecord) -> bool:
        """Return whether an act claims to have happened after the moment that is asked about.

        Something entered late from its paper may know of such an act, and counts without it.
        """
        times = _times(record)
        return times is not None and self.as_of_ms is not None and times[0] > self.as_of_ms

    def not_yet(self, records: Sequence[CaseRecord], ref: str) -> InputError:
        """Return the answer for a case that is here, and was not yet at the moment that is asked about."""
        times = [
            (found[0], self._known_from(record, found[1]))
            for record in records
            if (found := _times(record)) is not None
        ]
        occurred_at_ms, recorded_at_ms = min(times)
        asked_ms = self.as_of_ms
        if asked_ms is not None and occurred_at_ms > asked_ms:
            return InputError(
                "audit.not_received", case=ref, asked=moment(asked_ms), received=moment(occurred_at_ms)
            )
        asked_ms = recorded_at_ms if self.known_at_ms is None else self.known_at_ms
        return InputError(
            "audit.not_recorded", case=ref, asked=moment(asked_ms), recorded=moment(recorded_at_ms)
        )

    def _known_from(self, record: CaseRecord, recorded_at_ms: int) -> int:
        origin = self.origins[record.log, record.seq]
        received_at_ms = None if origin.home else origin.received_at_ms
        return recorded_at_ms if received_at_ms is None else received_at_ms


def _times(record: CaseRecord) -> tuple[int, int] | None:
    """Return claimed and recorded time of an act, None when its frame cannot be read."""
    try:
        parts = split_frame(record.frame)
        return decode_act(parts.act_raw).occurred_at_ms, decode_entry(parts.entry_raw).recorded_at_ms
    except BanjianError:
        return None


def _fault(record: CaseRecord, judge: Judge) -> str:
    """Return the code of what is wrong with the signature of an act, "" when it holds."""
    try:
        parts = split_frame(record.frame)
        header = decode_act(parts.act_raw)
        told = signing_key(sound_facts(header, record.facts), header.actor)
        public_key = judge.public_key(header.actor) or told
        if public_key is None:
            return "authority.key_unknown"
        verify_act(parts.act_raw, parts.sig, public_key)
    except BanjianError as raised:
        return raised.code
    return ""


def _clocks(view: CaseView, judge: Judge, moment: int) -> tuple[ClockReading, ...]:
    if view.state is None or view.rules is None:
        return ()
    return read_clocks(view.state, view.rules, judge.knowledge.calendars, moment)
