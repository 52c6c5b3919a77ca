"""The description of the JSON API (OpenAPI 3.1): follows from the values that it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date
from functools import cache
from types import NoneType, UnionType
from typing import get_args, get_origin, get_type_hints

from stations.version import version
from stations.web.answers import Problem
from stations.web.api import shapes
from stations.web.rows import Line

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path with its method.

    Attributes:
        gives: value of a good answer; None for this description itself.
        takes: value of the body of a write.
        query: name and meaning of what may stand behind the question mark.
    """

    method: str
    path: str
    summary: str
    gives: type | None
    takes: type | None = None
    query: Mapping[str, str] | None = None
    signed: bool = True


_LIMIT = {"limit": "at most so many lines"}
OPERATIONS = (
    Operation(method="get", path="/openapi.json", summary="This description", gives=None, signed=False),
    Operation(
        method="get",
        path="/session",
        summary="Who acts in this browser, and the word that each write carries",
        gives=shapes.Session,
        signed=False,
    ),
    Operation(
        method="get",
        path="/worklist",
        summary="Cases that the station holds or was offered, the most urgent first",
        gives=shapes.Rows,
        query={"light": "red, yellow, green, paused or done", "closed": "1 for closed ones too", **_LIMIT},
    ),
    Operation(
        method="get",
        path="/find",
        summary="Cases by number, name, initials, tail of an identity number, or item",
        gives=shapes.Rows,
        query={"q": "what is looked for", **_LIMIT},
    ),
    Operation(method="get", path="/day-clear", summary="The day-clear list", gives=shapes.DayClear),
    Operation(method="get", path="/case/{case}", summary="A case", gives=shapes.CaseView),
    Operation(
        method="post",
        path="/case/{case}/act",
        summary="Sign and store an act",
        gives=shapes.Done,
        takes=shapes.Act,
    ),
    Operation(
        method="post",
        path="/receive",
        summary="Sign and store a receipt",
        gives=shapes.Done,
        takes=shapes.Receipt,
    ),
    Operation(method="get", path="/safety", summary="What is safe where", gives=shapes.SafetyView),
    Operation(method="get", path="/board", summary="The stations below", gives=shapes.Board),
    Operation(method="get", path="/conflicts", summary="Conflicts and twins", gives=shapes.Conflicts),
    Operation(
        method="get",
        path="/monthly",
        summary="Figures by month, station and item",
        gives=shapes.Monthly,
        query={"since": "first day, ISO", "until": "last day, ISO"},
    ),
)
_REFUSALS = {
    "401": "nobody has signed in, the browser was locked, or the key has ended",
    "403": "not this person's, or no word of this browser",
    "404": "no such path, or no such case here",
    "405": "the path is there, the method is not",
    "409": "the law, the case type or the state of the case forbids it, or somebody acted meanwhile",
    "413": "the body is too large",
    "422": "something in the request cannot be taken as it is",
    "503": "disk or lock of the station",
}


@cache
def document() -> Json:
    """Return the whole description."""
    schemas: dict[str, Json] = {}
    paths: dict[str, Json] = {}
    for one in OPERATIONS:
        paths.setdefault(f"/api/v1{one.path}", {})[one.method] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "banjian",
            "version": version(),
            "description": (
                "A station's own API, for programs on its machine or in its office. Sign in by the form "
                "/sign-in and keep the cookie; get the word of the browser from /api/v1/session."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8710"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "browser": {"type": "apiKey", "in": "cookie", "name": "banjian"},
                "form": {"type": "apiKey", "in": "header", "name": "X-Banjian-Form"},
            },
        },
    }


def _operation(one: Operation, schemas: dict[str, Json]) -> Json:
    good: Json = {"type": "object"} if one.gives is None else _schema(one.gives, schemas)
    refused = _content(_schema(Problem, schemas))
    parameters: list[Json] = [
        {"name": name, "in": "query", "description": what, "schema": {"type": "string"}}
        for name, what in (one.query or {}).items()
    ]
    if "{case}" in one.path:
        case = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
        parameters.append({"name": "case", "in": "path", "required": True, "schema": case})
    told: Json = {
        "summary": one.summary,
        "operationId": (one.method + one.path).replace("/", "_").replace("{case}", "one").replace(".", "_"),
        "parameters": parameters,
        "responses": {
            "200": {"description": "done", "content": _content(good)},
            **{code: {"description": what, "content": refused} for code, what in _REFUSALS.items()},
        },
        "security": [] if not one.signed else [{"browser": [], "form": []} if one.takes else {"browser": []}],
    }
    if one.takes is not None:
        told["requestBody"] = {"required": True, "content": _content(_schema(one.takes, schemas))}
    return told


def _content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _schema(hint: object, schemas: dict[str, Json]) -> Json:
    """Return the schema of a type; values get a place of their own among the schemas."""
    plain: Mapping[object, Json] = {
        str: {"type": "string"},
        int: {"type": "integer"},
        bool: {"type": "boolean"},
        date: {"type": "string", "format": "date"},
        object: {},
    }
    if isinstance(hint, UnionType):
        inner = [_schema(one, schemas) for one in get_args(hint) if one is not NoneType]
        return {"anyOf": [*inner, {"type": "null"}]}
    if isinstance(hint, type) and is_dataclass(hint):
        return _reference(hint, schemas)
    origin, inside = get_origin(hint), get_args(hint)
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": True}
    if origin is tuple:
        return {"type": "array", "items": _schema(inside[0], schemas)}
    if origin is not None and issubclass(origin, Sequence):
        return {"type": "array", "items": _schema(inside[0], schemas)}
    return plain[hint]


def _reference(kind: type, schemas: dict[str, Json]) -> Json:
    name = "CaseLine" if kind is Line else kind.__name__
    if name not in schemas:
        schemas[name] = {}
        hints = get_type_hints(kind)
        known = fields(kind)
        schemas[name] = {
            "type": "object",
            "description": (kind.__doc__ or "").partition("\n")[0],
            "additionalProperties": False,
            "properties": {one.name: _schema(hints[one.name], schemas) for one in known},
            "required": [one.name for one in known if one.default is MISSING],
        }
    return {"$ref": f"#/components/schemas/{name}"}
