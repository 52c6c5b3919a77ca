"""How people are reached: telephones and addresses, checked as they are typed at a counter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from ledger.errors import InputError
from ledger.identity import check_id_number, phone_form

PHONE_DIGITS_MIN: Final = 3
PHONE_DIGITS_MAX: Final = 20
"""Most digits that stand together: with the country, the area and an extension none has more."""
RESIDENT_CHARS: Final = 18
_RESIDENT: Final = re.compile(r"[0-9]{17}[0-9X]")
_DIGITS: Final = re.compile(r"[0-9]+")


def check_phone(phone: str, *, whose: str = "applicant") -> str:
    """Return a telephone number unchanged if it may be one: any country's, short numbers, extensions.

    What other stations have signed is never judged by this: it is for who types one.

    Raises:
        InputError: ``identity.phone`` with fewer than three digits; ``identity.too_long`` with more of them
            together than a number has. Two numbers may stand beside each other.
    """
    count = max((len(run) for run in _DIGITS.findall(unicodedata.normalize("NFKC", phone))), default=0)
    if count > PHONE_DIGITS_MAX:
        raise InputError("identity.too_long", field="phone", most=PHONE_DIGITS_MAX, count=count, whose=whose)
    if len(phone_form(phone)) < PHONE_DIGITS_MIN:
        raise InputError("identity.phone", whose=whose)
    return phone


def is_resident_number(text: str) -> bool:
    """Return whether a text is a whole resident number, check digit and all: no telephone and no address."""
    try:
        return bool(check_id_number("resident", text))
    except InputError:
        return False


def split_resident(text: str) -> tuple[str, str]:
    """Return what stands before a resident number at the end of a text, and that number; "" for none.

    A scan gun types behind whatever stands already where the cursor is. That is kept code point by code
    point: an input method may widen the number, never what stands before it.
    """
    typed = text.rstrip()
    before, last = typed[:-RESIDENT_CHARS], typed[-RESIDENT_CHARS:]
    number = unicodedata.normalize("NFKC", last).upper()
    if _RESIDENT.fullmatch(number) is None or not is_resident_number(number):
        return text, ""
    return before.strip(), number


def check_contact(texts: Mapping[str, str], *, whose: str = "applicant") -> None:
    """Check a name and how somebody is reached; what other stations have signed is never judged by this.

    Raises:
        InputError: ``identity.misplaced`` for a resident number, as a scan gun puts it where the cursor
            stands, alone or behind what is there; ``identity.phone``, ``identity.too_long``.
    """
    for field in ("name", "phone", "address"):
        text = texts.get(field, "")
        if split_resident(text)[1] or is_resident_number(text):
            raise InputError("identity.misplaced", field=field, whose=whose)
    if texts.get("phone"):
        check_phone(texts["phone"], whose=whose)
