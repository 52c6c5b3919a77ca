"""A machine was lost or stolen: what a registrar ends of its station, in one go.

Its certificates end, so that nobody above or below talks to it, and the keys that lie on it without a
passphrase: that for sticks, that for receipts, at a kiosk also the one that signs. Otherwise the next stick
for the station would be sealed to the machine that was stolen.

Source: docs/protocol.md, "Certificates"; docs/lost-machine.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import ConfigError
from ledger.facade import Ledger
from ledger.formats.keys import Signer
from ledger.registry import actions as registry_actions
from ledger.registry.authority import PURPOSES
from ledger.types import ActId, StationId
from stations.office.addresses import forget_addresses
from stations.office.enrolling import retirement
from sync.joining.approval import Register
from sync.joining.issued import newest_begin_ms, newest_invite_ms
from sync.joining.joinoffice import JoinOffice

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What was ended: certificates that begin before a moment, and service keys by their purposes."""

    before_ms: int
    act_id: ActId
    purposes: tuple[str, ...]


def end_machine(
    ledger: Ledger,
    register: Register,
    registrar: Signer,
    station: StationId,
    *,
    office: JoinOffice,
    is_clock_right: bool,
) -> Ended:
    """End all certificates that a station was given so far, and its live service keys.

    Broken off by a power cut, it goes on when it is done again: what has ended already stays so.

    Args:
        ledger: the county's.
        register: how acts are stored.
        registrar: who signs.
        station: whose machine was lost.
        office: knows which invites of the station were used.
        is_clock_right: whether nothing speaks against this machine's clock, or the registrar vouches for it.

    Raises:
        ConfigError: ``certificates.county`` for the county itself: its CA lies on that machine.
            ``certificates.clock``.
        AuthorityError: what the registry refuses.
    """
    registry = ledger.knowledge.registry
    if station == registry.station_of_log:
        raise ConfigError("certificates.county", station=station)
    before_ms = _moment(ledger, office, station, is_clock_right=is_clock_right)
    facts = registry_actions.end_certificates(station=station, before_ms=before_ms)
    done = register("end_certificates", facts, registrar)
    live = [key for purpose in PURPOSES for key in registry.service_keys(station, purpose)]
    for key in live:
        register("retire_key", retirement(ledger, key.key_id, "compromised"), registrar)
    forget_addresses(ledger.home, station)
    return Ended(
        before_ms=before_ms, act_id=done.act_id, purposes=tuple(sorted({key.purpose for key in live}))
    )


def _moment(ledger: Ledger, office: JoinOffice, station: StationId, *, is_clock_right: bool) -> int:
    """Return before which moment certificates and invites end: behind every one that was given here.

    A county that was put back from a backup does not know of all of them: then only a right clock does.
    Certificates count in seconds, and the next one begins no earlier than that (``certificate_begin_ms``).
    """
    issued_ms = newest_begin_ms(ledger.home, station)
    may_lack = ledger.parts.holdings.put_back or (not issued_ms and office.has_issued(station))
    if not is_clock_right and may_lack:
        raise ConfigError("certificates.clock", station=station)
    given_ms = max(issued_ms, newest_invite_ms(ledger.home, station))
    behind_ms = given_ms // SECOND_MS * SECOND_MS + SECOND_MS if given_ms else 0
    if not is_clock_right and behind_ms:
        return behind_ms
    return max(ledger.clock.now_ms() // SECOND_MS * SECOND_MS, behind_ms)
