"""How people are reached: telephones and addresses, checked as they are typed at a counter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.errors import InputError
from ledger.identity import check_id_number, phone_form

PHONE_DIGITS_MIN: Final = 3


def check_phone(phone: str, *, whose: str = "applicant") -> str:
    """Return a telephone number unchanged if it may be one: any country's, short numbers, extensions.

    What other stations have signed is never judged by this: it is for who types one.

    Raises:
        InputError: ``identity.phone`` with fewer than three digits.
    """
    if len(phone_form(phone)) < PHONE_DIGITS_MIN:
        raise InputError("identity.phone", whose=whose)
    return phone


def is_resident_number(text: str) -> bool:
    """Return whether a text is a whole resident number, check digit and all: no telephone and no address."""
    try:
        return bool(check_id_number("resident", text))
    except InputError:
        return False


def check_contact(texts: Mapping[str, str], *, whose: str = "applicant") -> None:
    """Check how somebody is reached; what other stations have signed is never judged by this.

    Raises:
        InputError: ``identity.misplaced`` for a resident number, as a scan gun puts it where the cursor
            stands; ``identity.phone``.
    """
    for field in ("phone", "address"):
        if is_resident_number(texts.get(field, "")):
            raise InputError("identity.misplaced", field=field, whose=whose)
    if texts.get("phone"):
        check_phone(texts["phone"], whose=whose)
