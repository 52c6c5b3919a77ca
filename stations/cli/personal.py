"""What is personal on the command line: names, numbers, addresses, free text about people.

These words go into the act's personal body, encrypted and erasable; never into facts, logs or file names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.contact import check_contact
from ledger.errors import ConfigError
from ledger.identity import check_personal
from ledger.types import Facts
from stations.cli.grammar import Param

_APPLICANT = {
    "name": "name",
    "id-no": "id_no",
    "id-kind": "id_kind",
    "phone": "phone",
    "address": "address",
}
_AGENT = {
    "agent-name": "name",
    "agent-id-no": "id_no",
    "agent-phone": "phone",
    "agent-relation": "relation",
    "agent-authority": "authority",
}


def personal_params(*, opening: bool) -> list[Param]:
    """Return the options that fill the personal body."""
    names: Sequence[str] = [*_APPLICANT, *_AGENT, "text"] if opening else ["text"]
    return [Param(name=name) for name in names]


def read_personal(values: Mapping[str, object]) -> Facts | None:
    """Return the personal body that the given options say; None when none was given.

    Raises:
        InputError: ``identity.*`` for a name or number that cannot be right.
    """
    personal: Facts = {role: {**texts} for role, texts in typed_people(values).items()}
    text = values.get("text")
    if isinstance(text, str) and text.strip():
        personal["text"] = text.strip()
    applicant = personal.get("applicant")
    if isinstance(applicant, dict) and "id_no" in applicant:
        applicant.setdefault("id_kind", "resident")
    for role, texts in typed_people(values).items():
        check_contact(texts, whose=role)
    check_personal(personal)
    return personal or None


def typed_people(values: Mapping[str, object], *, corrects: bool = False) -> dict[str, dict[str, str]]:
    """Return what was typed of people, by role and field.

    Args:
        values: the parsed options.
        corrects: whether it corrects what is known: there an empty text is refused, for nobody can tell
            whether it takes something away or comes from an empty variable.

    Raises:
        ConfigError: ``cli.option_empty``.
    """
    people: dict[str, dict[str, str]] = {}
    for role, names in (("applicant", _APPLICANT), ("agent", _AGENT)):
        for option, field in names.items():
            given = values.get(option.replace("-", "_"))
            if isinstance(given, str) and given.strip():
                people.setdefault(role, {})[field] = given.strip()
            elif isinstance(given, str) and corrects:
                raise ConfigError("cli.option_empty", option=f"--{option}")
    return people
