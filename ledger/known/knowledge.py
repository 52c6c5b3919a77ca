"""What the county has published, as held here: registry, catalogue and calendars, from their two logs.

Everything else is judged against it: authority by the registry at the size that an act cites, items and case
types by the catalogue version of the opening act, clocks by the newest calendars. Feed the registry log whole
before the catalogue log: catalogue acts are judged by the registry that they cite.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ledger.days.calendar import Calendar, CalendarSet, parse_calendar
from ledger.errors import BanjianError
from ledger.formats.act import Act, act_id, decode_act, verify_act
from ledger.formats.body import check_facts_hash, open_body
from ledger.formats.frame import split_frame
from ledger.known.resolve import Resolver
from ledger.limits import facts_bytes_max
from ledger.registry.authority import KEY_UNKNOWN
from ledger.registry.frames import read_registry_act, read_registry_frame
from ledger.registry.registry import Registry
from ledger.rules.catalogue import Catalogue, Publication, Rules, read_publication
from ledger.types import ActId, LedgerId

PUBLISH_ITEMS = "publish_items"
PUBLISH_CASE_TYPES = "publish_case_types"
PUBLISH_CALENDAR = "publish_calendar"
WAITING_CODES = frozenset((KEY_UNKNOWN, "authority.registry_ahead"))
"""Why a publication had no effect, where a longer registry may know better."""
CHANGED_CODES = frozenset(("registry.facts_missing", "act.facts_missing", "act.facts_hash"))
"""What an entry is refused for whose facts are gone or others than were signed.

No package with such a one is taken in: it was changed where it lies.
"""
CATALOGUE_ACTIONS = frozenset((PUBLISH_ITEMS, PUBLISH_CASE_TYPES, PUBLISH_CALENDAR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one act of these logs; ``code`` is "" when it took effect or waits."""

    act_id: ActId
    position: int
    action: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What an act of the catalogue log publishes, or the code of why its facts cannot be read."""

    publication: Publication = Publication()
    calendar: Calendar | None = None
    fault: str = ""


_NOTHING = _Content()


class Knowledge:
    """Registry, catalogue and calendars of one ledger.

    Args:
        ledger_id: the pinned id.
        calendars: the calendars that ship with the product; published ones come on top.
    """

    def __init__(self, ledger_id: LedgerId, calendars: CalendarSet) -> None:
        self.registry = Registry(ledger_id)
        self.catalogue = Catalogue()
        self.resolver = Resolver(self.registry)
        self.calendars = calendars
        self.waiting = 0
        """Entries of the catalogue log without effect on which a longer registry may decide otherwise."""
        self.changed = 0
        """Entries of both logs whose facts are gone, or others than were signed: what they said is lost."""
        self._published: set[ActId] = set()

    def become(self, other: Knowledge) -> None:
        """Say from now on what another one says: the logs had to be folded anew.

        Whoever holds this one, its registry or its resolver goes on with them.
        """
        self.registry.become(other.registry)
        self.resolver.forget()
        self.catalogue, self.calendars = other.catalogue, other.calendars
        self.waiting, self._published = other.waiting, other._published
        self.changed = other.changed

    def apply_registry(
        self, frame: bytes, *, facts: bytes | None, personal: bytes | None, act: Act | None = None
    ) -> Verdict:
        """Take the next frame of the registry log; bad frames hold their position and have no effect.

        Args:
            frame: the stored bytes.
            facts: bytes of its facts, if held.
            personal: bytes of its personal body in clear, if held: names of staff.
            act: what the frame holds, where somebody decoded it already.
        """
        position = self.registry.size + 1
        if act is None:
            read = read_registry_frame(
                self.registry, frame, position=position, facts=facts, personal=personal
            )
        else:
            read = read_registry_act(self.registry, act, position=position, facts=facts, personal=personal)
        outcome = self.registry.apply(read)
        code = "" if outcome.refusal is None else outcome.refusal.code
        self.changed += bool(frame) and code in CHANGED_CODES
        return Verdict(act_id=outcome.act_id, position=position, action=outcome.action, code=code)

    def apply_catalogue(self, frame: bytes, *, facts: bytes | None, act: Act | None = None) -> Verdict:
        """Take the next frame of the catalogue log, as ``apply_registry`` does one of the registry log."""
        position = self.catalogue.size + 1
        self.catalogue.move_on(position)
        known_id, action, code, held = self._check_catalogue(frame, facts, act)
        if not code and known_id in self._published:
            # Whoever keeps the log could bring back what its author has changed since.
            code = "catalogue.duplicate"
        code = code or held.fault
        self.changed += bool(frame) and code in CHANGED_CODES
        if not code:
            self._published.add(known_id)
            self.catalogue.take(held.publication)
            if held.calendar is not None:
                self.calendars = self.calendars.with_calendars((held.calendar,))
        elif code in WAITING_CODES:
            self.waiting += 1
        return Verdict(act_id=known_id, position=position, action=action, code=code)

    def rules(self, item_code: str, version: int) -> Rules:
        """Return item and case type as of a catalogue version.

        Raises:
            RuleError: as ``Catalogue.rules``.
        """
        return self.catalogue.rules(item_code, version)

    def _check_catalogue(
        self, frame: bytes, facts: bytes | None, act: Act | None
    ) -> tuple[ActId, str, str, _Content]:
        known_id, action = ActId(b""), ""
        try:
            if act is None:
                parts = split_frame(frame)
                known_id = act_id(parts.act_raw)
                act = Act(decode_act(parts.act_raw), parts.act_raw, parts.sig, known_id)
            known_id, action = act.act_id, act.header.action
            code, held = self._judge_catalogue(act, facts)
        except BanjianError as error:
            return known_id, action, error.code, _NOTHING
        return known_id, action, code, held

    def _judge_catalogue(self, act: Act, facts: bytes | None) -> tuple[str, _Content]:
        header = act.header
        public_key = self.registry.public_key(header.actor)
        if header.ledger_id != self.registry.ledger_id:
            return "registry.other_ledger", _NOTHING
        if facts is None:
            return "act.facts_missing", _NOTHING
        if public_key is None:
            return KEY_UNKNOWN, _NOTHING
        verify_act(act.raw, act.sig, public_key)
        check_facts_hash(header, facts)
        held = _read(header.action, facts)
        standing = self.resolver.standing(
            actor_key_id=header.actor,
            station=header.station,
            registry_size=header.registry_size,
            action=header.action,
        )
        return standing.blocked, held


@lru_cache(maxsize=64)
def _read(action: str, facts: bytes) -> _Content:
    # The same bytes say the same each time, and every opening of a ledger reads all that was ever published.
    held = open_body(facts, limit_bytes=facts_bytes_max(action))
    try:
        calendar = parse_calendar(held) if action == PUBLISH_CALENDAR else None
        return _Content(publication=read_publication(action, held), calendar=calendar)
    except BanjianError as error:
        return _Content(fault=error.code)
