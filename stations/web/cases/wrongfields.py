"""Which field about a person a refusal is about, so that the form marks it and goes there."""

from __future__ import annotations

from ledger.errors import BanjianError

_FIELD = {
    "phone": "phone",
    "name": "name",
    "no_letters": "name",
    "no_name": "name",
    "agent_no_name": "name",
    "agent_unsaid": "relation",
    "kind": "id_kind",
    "shape": "id_no",
    "birth_date": "id_no",
    "check_digit": "id_no",
    "firm": "id_no",
}
"""Field of a person by the rest of the code ``identity.*``."""


def wrong_person(error: BanjianError | None) -> str:
    """Return the field that was refused, as ``applicant.phone``; "" where it is none about a person."""
    area, _, what = ("" if error is None else error.code).partition(".")
    if error is None or area != "identity":
        return ""
    by_field = what in ("hidden", "misplaced", "too_long")
    name = str(error.params.get("field", "")) if by_field else _FIELD.get(what, "")
    if not name or name == "text":
        return name
    whose = "agent" if what.startswith("agent_") else str(error.params.get("whose", "applicant"))
    return f"{whose}.{name}"
