"""Whether who acts in a browser still may: by the registry as it is now, not as it was at signing in."""

from __future__ import annotations

from ledger.errors import AuthorityError
from ledger.facade import Ledger
from ledger.types import KeyId
from stations.web.access import Access
from stations.web.browsers import Browser
from stations.web.keyholders import Standing, own_stations, standing_of


async def settle(access: Access, browser: Browser) -> None:
    """Give who acts the roles and stations of this moment; forget the key when none are left.

    The registry is asked again only when it changed. A key that rests on a provisional grant is asked for
    each time: a grant ends by the clock, too.
    """
    person = browser.person
    if person is None:
        return
    key, known = person.key_id, None if person.replaces is not None else person.judged
    version, found = await access.read(lambda ledger: _judge(ledger, key, known))
    if version == known:
        return
    if found is None:
        # The same number may have signed in with a new key meanwhile: that one stays.
        if browser.people.get(person.staff_no) is person:
            browser.end(person)
        return
    person.judged, person.roles, person.replaces = version, found.roles, found.replaces
    person.stations = found.stations
    if person.station not in found.stations:
        person.station = found.stations[0]


def ended(browser: Browser) -> AuthorityError | None:
    """Return why the last person who acted here is signed out, when the key has ended; None otherwise."""
    if browser.person is not None or browser.ended is None:
        return None
    no, name = browser.ended
    return AuthorityError("web.key_ended", staff_no=no, name=name)


def _judge(
    ledger: Ledger, key: KeyId, known: tuple[int, int] | None
) -> tuple[tuple[int, int], Standing | None]:
    version = ledger.knowledge.registry.version
    return version, None if version == known else standing_of(ledger, key, own_stations(ledger))
