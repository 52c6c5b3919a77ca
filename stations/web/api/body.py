"""From JSON to the values of the API: bodies are read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from types import NoneType, UnionType
from typing import TypeVar, get_args, get_origin, get_type_hints

from aiohttp import web

from ledger.errors import InputError
from stations.web.api.shapes import Act, Human, Receipt
from stations.web.cases.factforms import PREFIX

B = TypeVar("B", Act, Receipt, Human)
Form = dict[str, list[str]]


async def read_body(request: web.Request, kind: type[B]) -> B:
    """Return the body of a request.

    Raises:
        InputError: ``web.api_body``, ``web.api_field``.
    """
    try:
        given = json.loads(await request.text())
        # Half a pair of code units is no character: JSON can write it, nothing can store it.
        json.dumps(given, ensure_ascii=False).encode("utf-8")
    except (ValueError, LookupError, RecursionError) as error:
        raise InputError("web.api_body") from error
    if not isinstance(given, dict):
        raise InputError("web.api_body")
    return build(kind, given)


def build(kind: type[B], given: Mapping[str, object], *, within: str = "") -> B:
    """Return the value that a JSON object says.

    Raises:
        InputError: ``web.api_field`` for a field that is not known, missing, or of another type.
    """
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    for name in given:
        if name not in known:
            raise InputError("web.api_field", field=f"{within}{name}"[:60])
    taken: dict[str, object] = {}
    for name, field in known.items():
        if name in given:
            taken[name] = _taken(hints[name], given[name], f"{within}{name}")
        elif field.default is MISSING:
            raise InputError("web.api_field", field=f"{within}{name}")
    make: Callable[..., B] = kind
    return make(**taken)


def _taken(hint: object, value: object, where: str) -> object:
    inner = [one for one in get_args(hint) if one is not NoneType] if isinstance(hint, UnionType) else [hint]
    if value is None and len(inner) < len(get_args(hint)):
        return None
    if inner[0] is Human and isinstance(value, dict):
        return build(Human, value, within=f"{where}.")
    if inner[0] is str and isinstance(value, str):
        return value
    if get_origin(inner[0]) is not None and isinstance(value, dict):
        return value
    raise InputError("web.api_field", field=where[:60])


def form_of_act(act: Act) -> Form:
    """Return an act as the form of its page, so that both ways are one."""
    return {**_form_of_facts(act.facts), "text": [act.text], "at": [act.at], "heads": [act.heads]}


def form_of_receipt(receipt: Receipt) -> Form:
    """Return an application as the form of its page."""
    form = {**_form_of_facts(receipt.facts), "text": [receipt.text], "at": [receipt.at]}
    for role, human in (("applicant", receipt.applicant), ("agent", receipt.agent)):
        for name, text in ({} if human is None else asdict(human)).items():
            form[f"{role}.{name}"] = [text]
    if not receipt.applicant.id_kind:
        form["applicant.id_kind"] = ["resident"]
    return form


def _form_of_facts(facts: Mapping[str, object] | None, prefix: str = PREFIX) -> Form:
    form: Form = {}
    for name, value in (facts or {}).items():
        if isinstance(value, dict):
            form.update(_form_of_facts(value, f"{prefix}{name}."))
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            form[prefix + name] = [str(one) for one in value]
        elif isinstance(value, bool):
            form[prefix + name] = ["on"] if value else []
        elif isinstance(value, str | int):
            form[prefix + name] = [str(value)]
        elif value is not None:
            raise InputError("web.api_field", field=f"facts.{name}"[:60])
    return form
