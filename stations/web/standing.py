"""Whether who acts in a browser still may: by the registry as it is now, not as it was at signing in."""

from __future__ import annotations

from ledger.errors import AuthorityError
from ledger.facade import Home, Ledger
from ledger.types import KeyId
from stations.office.resetting import grant_names, replaced_here
from stations.web.access import Access
from stations.web.browsers import KEY_ENDED, KEY_REPLACED, Browser, Judged, Person
from stations.web.keyholders import Standing, own_stations, standing_of


async def settle(access: Access, home: Home, browser: Browser) -> None:
    """Give who acts the roles and stations of this moment; forget the key when none are left.

    The registry is asked again only when it changed, or when a grant came to lie beside a key here: the key
    in whose place another one works is not used on this machine any more, whoever still holds it unlocked. A
    key that rests on a provisional grant is asked for each time: a grant ends by the clock, too.
    """
    person = browser.person
    if person is None:
        return
    code = await _settled(access, home, person)
    # The same number may have signed in with a new key meanwhile: that one stays.
    if code and browser.people.get(person.staff_no) is person:
        browser.end(person, code)


async def require_standing(access: Access, home: Home, person: Person) -> None:
    """Refuse to go on for somebody who acts without a page: a job whose tab may be closed.

    Raises:
        AuthorityError: ``web.key_ended`` or ``web.key_replaced``.
    """
    code = await _settled(access, home, person)
    if code:
        raise AuthorityError(code, staff_no=person.staff_no, name=person.name)


async def _settled(access: Access, home: Home, person: Person) -> str:
    """Give somebody the roles and stations of this moment; returns why the key is used no more, or ""."""
    key, known = person.key_id, None if person.replaces is not None else person.judged
    judged, found = await access.read(lambda ledger: _judge(ledger, home, key, known))
    if isinstance(found, str):
        return found
    person.judged, person.roles, person.replaces = judged, found.roles, found.replaces
    person.stations = found.stations
    if person.station not in found.stations:
        person.station = found.stations[0]
    return ""


def ended(browser: Browser) -> AuthorityError | None:
    """Return why the last person who acted here is signed out, when the key has ended; None otherwise."""
    if browser.person is not None or browser.ended is None:
        return None
    code, no, name = browser.ended
    return AuthorityError(code, staff_no=no, name=name)


def _judge(ledger: Ledger, home: Home, key: KeyId, known: Judged | None) -> tuple[Judged, Standing | str]:
    """Return what was looked at, and what the key may do, or why it is used no more: "" if nothing is new."""
    judged = (ledger.knowledge.registry.version, grant_names(home))
    if judged == known:
        return judged, ""
    if key in replaced_here(ledger, home):
        return judged, KEY_REPLACED
    return judged, standing_of(ledger, key, own_stations(ledger)) or KEY_ENDED
