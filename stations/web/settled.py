"""Whether what a kept form asks for was done: then its draft waits for nothing, though a power cut left it.

A form is signed, and its draft is dropped after that. Where the power failed between the two, the ledger and
what lies beside it say whether anything is left to sign: the registry that somebody is enrolled, a case that
it has the platform's number, a roster that everybody who came was received. So no mark can say more than is
stored, also of a form that becomes several acts. An invite is no such form: it lives as long as the page that
shows it, and has to be written again after a power cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.errors import BanjianError
from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Randomness
from ledger.registry.authority import Authority
from ledger.store import schema
from ledger.types import CaseId, StationId
from stations.kept import orders, rosters
from stations.kept.sealed import SealedFolder
from stations.office.enrolling import key_of_request
from stations.web.drafts import CASE, Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Where it is looked whether a form was done.

    Attributes:
        home: the installation, for what is kept beside its ledger.
        ledger: open for reading.
        draft: what stood in the form.
        name: what its address names: a staff number, a request, a roster; "" for nothing.
    """

    home: Home
    randomness: Randomness
    ledger: Ledger
    draft: Draft
    name: str

    def text(self, field: str) -> str:
        """Return what stood in a field, without the spaces around it."""
        return "".join(self.draft.form.get(field, ())[:1]).strip()

    def folder(self, name: str) -> SealedFolder:
        """Return a folder beside the ledger."""
        return SealedFolder(self.home, name, self.randomness)


def is_settled(home: Home, randomness: Randomness, ledger: Ledger, draft: Draft) -> bool:
    """Tell whether nothing is left to do of what a form asks for; what cannot be told is left to its author.

    Blocks on the disk.
    """
    for pattern, was_done in _DONE:
        if found := pattern.fullmatch(draft.action):
            name = found.group(1) if pattern.groups else ""
            look = Look(home=home, randomness=randomness, ledger=ledger, draft=draft, name=name)
            try:
                return was_done(look)
            except (BanjianError, ValueError):
                return False
    return False


def _is_enrolled(look: Look) -> bool:
    no, registry = look.text("no"), look.ledger.knowledge.registry
    held = registry.staff(no)
    if held is None or (held.station, registry.names.get(no)) != (look.text("station"), look.text("name")):
        return False
    scope = look.text("scope") or held.station
    roles = look.draft.form.get("role", ())
    return bool(roles) and all((role, scope) in held.grants for role in roles)


def _is_granted(look: Look) -> bool:
    held, role, scope = _live(look), look.text("role"), look.text("scope")
    other = look.text("stand_in_for")
    if held is None:
        return False
    if other:
        return (role, scope, other) in held.stand_ins
    # Whoever stands in for somebody has the role as well, and may still be given it for herself.
    stands_in = any((role, scope) == one[:2] for one in held.stand_ins)
    return (role, scope) in held.grants and not stands_in


def _has_new_key(look: Look) -> bool:
    """Of a key that was made here, nothing was typed: only a request says which key it was to be."""
    held, request = _live(look), look.text("request_text")
    if held is None or not request:
        return False
    key = key_of_request(request, no=look.name, ledger_id=look.ledger.ledger_id)
    return held.public_key == key.public_key


def _live(look: Look) -> Authority | None:
    registry = look.ledger.knowledge.registry
    return registry.staff(look.name) or registry.registrar(look.name)


def _is_station(look: Look) -> bool:
    held = look.ledger.knowledge.registry.station(StationId(look.text("station").upper()))
    wanted = (look.text("name"), look.text("level"), look.text("upstream"))
    return held is not None and held.is_open and (held.name, held.level, held.upstream) == wanted


def _is_refused(look: Look) -> bool:
    return (look.home.joins_dir / f"{look.name}.rejected").is_file()


def _is_entered(look: Look) -> bool:
    state, _ = look.ledger.state(CaseId(bytes.fromhex(look.text(CASE))))
    number = look.text("f.external_no")
    return bool(number) and state.external_no == number


def _is_answered(look: Look) -> bool:
    number = look.text("order_no")
    held = orders.load_orders(look.folder(orders.FOLDER), look.draft.station)
    order = next((one for one in held if one.order_no == number), None)
    return order is not None and all(getattr(order, name) == look.text(name) for name in orders.EDITED)


def _are_received(look: Look) -> bool:
    """Tell whether what the form says was signed, and everybody who is ticked was received."""
    roster = rosters.load_roster(look.folder(rosters.FOLDER), look.name)
    signed = {name: texts for name, texts in roster.form.items() if any(texts)}
    if {name: look.draft.form.get(name) for name in signed} != signed:
        return False
    if any(name not in signed for name in look.draft.form if name.startswith("f.") or name == "at"):
        return False
    here = [row.case for row in roster.rows if row.here]
    with look.ledger.reading() as (tx, _):
        return bool(here) and all(
            case and tx.count(schema.ACTS, {"case_id": bytes.fromhex(case)}) for case in here
        )


_DONE: Final[tuple[tuple[re.Pattern[str], Callable[[Look], bool]], ...]] = (
    (re.compile(r"/enrol"), _is_enrolled),
    (re.compile(r"/people/([^/]+)/grant"), _is_granted),
    (re.compile(r"/people/([^/]+)/key"), _has_new_key),
    (re.compile(r"/stations/new"), _is_station),
    (re.compile(r"/joins/([^/]+)/refuse"), _is_refused),
    (re.compile(r"/platform/enter"), _is_entered),
    (re.compile(r"/orders/answer"), _is_answered),
    (re.compile(r"/roster/([^/]+)/sign"), _are_received),
)
"""Addresses to which forms are sent, and what tells that one was done; see ``stations.web.typed.FORMS``."""
