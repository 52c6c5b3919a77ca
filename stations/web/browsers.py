"""Who sits at which browser: unlocked keys, the one who acts now, locking, attempts. In memory only.

A browser is known by a random cookie. Several people may have unlocked their keys in one browser; each action
is signed by the one who stands as acting now, never by "the last user": after a while without a key pressed
the browser is locked, and whoever goes on gives a PIN or passphrase first. When the process ends, every key
is gone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.errors import AuthorityError, InputError
from ledger.facade.base.clock import Randomness
from ledger.formats.keys import Signer
from ledger.registry.registry import Registry
from ledger.texts import Language
from ledger.types import KeyId, StationId
from stations.web.unsigned import KeptForms, UnsignedForms

BROWSERS_MAX = 256
"""Browsers in which somebody signed in; the one unused for longest gives way to another one."""
STRANGERS_MAX = 512
"""Browsers in which nobody did: however many of them come, they push out nobody who works."""
PIN_DIGITS = range(4, 9)
PIN_FAILURES_MAX = 5
DONE_MAX = 256
WORDS_MAX = 64
KEY_ENDED, KEY_REPLACED = "web.key_ended", "web.key_replaced"
"""Codes of why a key that was unlocked here is used no more."""
FORGET_MS = 12 * 3_600_000
"""A browser that nobody used for so long is forgotten with its keys."""


Judged = tuple[tuple[int, int], tuple[str, ...]]


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody whose key is unlocked in a browser.

    Attributes:
        staff_no: number of the key's owner; the label of the envelope.
        name: to be shown.
        pin: salted hash of the PIN; empty until one was chosen.
        station: the station that the person acts for.
        stations: those that the person may choose from.
        roles: the roles held at any of them; for menus, the ledger judges acts.
        replaces: the key of which the roles are, while a provisional grant lets this one take its place.
        judged: by what stations and roles are: version of the registry, and names of the grants that lie
            beside keys here; None before the first page.
    """

    staff_no: str
    name: str
    key_id: KeyId
    signer: Signer
    station: StationId
    stations: tuple[StationId, ...]
    roles: frozenset[str]
    replaces: KeyId | None = None
    pin: bytes = b""
    failures: int = 0
    judged: Judged | None = None

    def roles_at(self, registry: Registry, station: StationId) -> frozenset[str]:
        """Return the roles that the person holds at a station now; for pages, the ledger judges acts."""
        held = registry.roles_at(self.key_id, station)
        if held or self.replaces is None:
            return held
        return registry.roles_at(self.replaces, station)


@dataclass(slots=True, kw_only=True)
class Browser:
    """One browser.

    Attributes:
        token: value of the cookie.
        csrf: secret behind the word that forms carry; another one after every signing in.
        acting: staff number of who acts now; "" when locked or nobody signed in.
        done: answers of forms that were sent, by their one-time word: sent twice, acted on once.
        told: code and values of what the next page says once, at its top.
        words: words that forms of this browser carried, with who acted then and for which station.
        unsigned: forms that were sent while their author did not act.
        ended: code, number and name of who was signed out here because the key ended or another one took its
            place; until somebody acts again.
        slips: rating token and signed head of each receipt of this browser, by case: no act holds the token.
    """

    token: str
    csrf: str
    salt: bytes
    seen_ms: int
    unsigned: UnsignedForms
    language: Language = "zh"
    acting: str = ""
    people: dict[str, Person] = field(default_factory=dict)
    done: OrderedDict[str, str] = field(default_factory=OrderedDict)
    told: tuple[str, dict[str, object]] | None = None
    slips: dict[str, tuple[str, str]] = field(default_factory=dict)
    words: OrderedDict[str, tuple[str, str]] = field(default_factory=OrderedDict)
    ended: tuple[str, str, str] | None = None

    @property
    def form(self) -> str:
        """What every form carries: it holds for who acts now, and for the station that is acted for."""
        person = self.person
        who = ("", "") if person is None else (person.staff_no, str(person.station))
        about = " ".join(who).strip().encode("utf-8")
        word = hmac.new(self.csrf.encode("ascii"), about, hashlib.sha256).hexdigest()
        self.words[word] = who
        while len(self.words) > WORDS_MAX:
            self.words.popitem(last=False)
        return word

    @property
    def person(self) -> Person | None:
        """Who acts now."""
        return self.people.get(self.acting)

    @property
    def was_used(self) -> bool:
        """Whether somebody acts, or acted before it was locked: a form of that time may still come."""
        return bool(self.people) or any(staff_no for staff_no, _ in self.words.values())

    def sign_in(self, person: Person) -> None:
        """Let somebody act whose key was just unlocked; a PIN chosen earlier stays."""
        known = self.people.get(person.staff_no)
        if known is not None:
            person.pin = known.pin
        self.people[person.staff_no] = person
        self.acting, self.ended = person.staff_no, None

    def choose_pin(self, pin: str) -> None:
        """Set the PIN of who acts now.

        Raises:
            InputError: ``web.pin_shape``.
        """
        person = self.person
        if person is None:
            raise AuthorityError("web.signed_out")
        person.pin = self._pin_hash(checked_pin(pin))

    def switch(self, staff_no: str, pin: str) -> None:
        """Let somebody act who unlocked a key here before.

        Raises:
            AuthorityError: ``web.pin_wrong``; ``web.pin_spent`` after too many: the passphrase is needed;
                ``web.key_ended`` or ``web.key_replaced`` for who was signed out for that.
        """
        person = self.people.get(staff_no)
        if person is None and self.ended is not None and self.ended[1] == staff_no:
            raise AuthorityError(self.ended[0], staff_no=staff_no, name=self.ended[2])
        if person is None or not person.pin:
            raise AuthorityError("web.signed_out")
        if not hmac.compare_digest(person.pin, self._pin_hash(pin)):
            person.failures += 1
            left = PIN_FAILURES_MAX - person.failures
            if left <= 0:
                self.forget(staff_no)
                raise AuthorityError("web.pin_spent")
            raise AuthorityError("web.pin_wrong", left=left)
        person.failures = 0
        self.acting, self.ended = staff_no, None

    def forget(self, staff_no: str) -> None:
        """Drop somebody's key."""
        self.people.pop(staff_no, None)
        if self.acting == staff_no:
            self.acting = ""

    def end(self, person: Person, code: str) -> None:
        """Drop the key of somebody that is used no more, and remember why.

        Args:
            code: ``web.key_ended``, or ``web.key_replaced``: with the new key the same person goes on, and
                finds what was typed.
        """
        self.forget(person.staff_no)
        if code == KEY_ENDED:
            self.unsigned.drop_all(person.staff_no)
        self.ended = (code, person.staff_no, person.name)

    def lock(self) -> None:
        """Nobody acts; whoever has no PIN must give the passphrase again."""
        self.acting = ""
        self.people = {no: person for no, person in self.people.items() if person.pin}

    def remember_done(self, once: str, where: str) -> None:
        """Remember where a form led that was acted on."""
        self.done[once] = where
        while len(self.done) > DONE_MAX:
            self.done.popitem(last=False)

    def _pin_hash(self, pin: str) -> bytes:
        return hashlib.sha256(self.salt + pin.encode("utf-8")).digest()


class Browsers:
    """All browsers of a process.

    Args:
        monotonic_ms: a clock that nobody sets.
        lock_ms: how long a browser stays unlocked when nobody does anything.
        kept: where forms that came too late lie.
    """

    def __init__(
        self, monotonic_ms: Callable[[], int], randomness: Randomness, *, lock_ms: int, kept: KeptForms
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._randomness = randomness
        self._lock_ms = lock_ms
        self.kept = kept
        self._browsers: OrderedDict[str, Browser] = OrderedDict()
        self._strangers: OrderedDict[str, Browser] = OrderedDict()

    def of(self, token: str) -> Browser:
        """Return the browser of a cookie, a new one when it is unknown; locked when it was left alone."""
        now_ms = self._monotonic_ms()
        self._forget_old(now_ms)
        browser = self._browsers.get(token) or self._strangers.get(token)
        if browser is None:
            browser = self._new(now_ms)
        else:
            self.lock_idle(browser)
        return browser

    def lock_idle(self, browser: Browser) -> None:
        """Lock a browser that was left alone; looking at it does not count as a key pressed."""
        if browser.acting and self._monotonic_ms() - browser.seen_ms > self._lock_ms:
            browser.lock()

    def touch(self, browser: Browser) -> None:
        """Somebody did something in this browser: it stays unlocked, and is kept before others."""
        browser.seen_ms = self._monotonic_ms()
        for kept, most in ((self._browsers, BROWSERS_MAX), (self._strangers, STRANGERS_MAX)):
            kept.pop(browser.token, None)
            if (kept is self._browsers) == browser.was_used:
                kept[browser.token] = browser
            while len(kept) > most:
                _forget_first(kept)

    def renew(self, browser: Browser) -> None:
        """Give a browser another cookie: one that was planted before signing in opens nothing."""
        self._browsers.pop(browser.token, None)
        self._strangers.pop(browser.token, None)
        browser.token, browser.csrf = self._word(), self._word()
        # Forms of pages that are still open are never signed again, but what was typed in them is kept.
        browser.words = OrderedDict((word, who) for word, who in browser.words.items() if who[0])
        self.touch(browser)

    def forget_below(self, path: str) -> None:
        """Forget what waits in any browser and is about what a path names."""
        for browser in (*self._browsers.values(), *self._strangers.values()):
            browser.unsigned.drop_below(path)

    def forget_slip(self, case: str) -> None:
        """Forget the rating token of a receipt whose case was erased, in every browser."""
        for browser in self._browsers.values():
            browser.slips.pop(case, None)

    def _forget_old(self, now_ms: int) -> None:
        # The first one is always the one that was touched longest ago.
        for kept in (self._browsers, self._strangers):
            while kept and now_ms - next(iter(kept.values())).seen_ms > FORGET_MS:
                _forget_first(kept)

    def _new(self, now_ms: int) -> Browser:
        return Browser(
            token=self._word(),
            csrf=self._word(),
            salt=self._randomness(16),
            seen_ms=now_ms,
            unsigned=UnsignedForms(self.kept),
        )

    def _word(self) -> str:
        return self._randomness(24).hex()


def _forget_first(kept: OrderedDict[str, Browser]) -> None:
    """Forget a browser; what waits in it for its authors is left to those where they sign in next."""
    _, browser = kept.popitem(last=False)
    browser.unsigned.release()


def checked_pin(pin: str) -> str:
    """Return a new PIN.

    Raises:
        InputError: ``web.pin_shape`` for other than 4 to 8 digits, or the same digit throughout.
    """
    if not (pin.isascii() and pin.isdigit() and len(pin) in PIN_DIGITS) or len(set(pin)) == 1:
        raise InputError("web.pin_shape", least=PIN_DIGITS.start, most=PIN_DIGITS.stop - 1)
    return pin
