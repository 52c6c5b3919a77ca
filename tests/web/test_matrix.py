"""Roles by endpoints by divisions: who gets what from every address, and whose data nobody else sees.

Each line of ``MATRIX`` is one route with the statuses of ``WHO``, in that order. A route that is missing here
fails a test: whoever adds a page says who may open it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from tests.web.desk import Answer, Desk
from tests.web.offices import OTHER_VILLAGE, PASSPHRASE, VILLAGE, Office
from tests.web.routes import filled, routes
from tests.web.seat import ALLOWANCE

WHO = ("nobody", "V001", "V002", "T002", "T003", "C002", "R001")
"""Nobody; the village's clerk; another village's; the township's window and head; supervisor; registrar."""
SIGNED = "303 200 200 200 200 200 200"
MOVED = "303 303 303 303 303 303 303"
OPEN = "200 200 200 200 200 200 200"
OF_CASE = "303 200 403 200 200 200 200"
API = "401 200 200 200 200 200 200"
API_CASE = "401 200 403 200 200 200 200"
MATRIX: Mapping[str, str] = {
    "GET /": SIGNED,
    "GET /sign-in": OPEN,
    "POST /sign-in": "403 403 403 403 403 403 403",  # with a wrong passphrase
    "POST /switch": "403 403 403 403 403 403 403",  # nobody has chosen a PIN here
    "POST /language": MOVED,
    "GET /pin": SIGNED,
    "POST /pin": MOVED,
    "POST /station": "303 303 403 403 403 403 303",  # to act for the village: a registrar's grant is for all
    "POST /lock": MOVED,
    "POST /sign-out": MOVED,
    "GET /more": SIGNED,
    "GET /find": SIGNED,
    "GET /day-clear": SIGNED,
    "GET /cases": SIGNED,
    "GET /receive": SIGNED,
    "GET /receive/{item}": SIGNED,
    "POST /receive/{item}": "303 303 303 303 409 409 409",
    "POST /receive/{item}/draft": SIGNED,
    "POST /receive/{item}/draft/drop": MOVED,
    "POST /receive/{item}/person": SIGNED,
    "GET /case/{case}": OF_CASE,
    "GET /case/{case}/slip": OF_CASE,
    "GET /case/{case}/do/{action}": OF_CASE,
    "POST /case/{case}/do/{action}": "303 303 403 303 303 303 303",  # a note, open to whoever sees the case
    "GET /safe": SIGNED,
    "GET /safe/line": SIGNED,
    "POST /safe/sync": MOVED,
    "GET /board": SIGNED,
    "GET /conflicts": SIGNED,
    "GET /monthly": SIGNED,
    "GET /events": SIGNED,
    "GET /api/v1/openapi.json": OPEN,
    "GET /api/v1/session": OPEN,
    "GET /api/v1/worklist": API,
    "GET /api/v1/find": API,
    "GET /api/v1/day-clear": API,
    "GET /api/v1/case/{case}": API_CASE,
    "POST /api/v1/case/{case}/act": API_CASE,
    "POST /api/v1/receive": "401 200 200 200 409 409 409",
    "GET /api/v1/safety": API,
    "GET /api/v1/board": API,
    "GET /api/v1/conflicts": API,
    "GET /api/v1/monthly": API,
}
ENDINGS = ("POST /lock", "POST /sign-out")
"""Last of all: nobody is signed in afterwards."""
CANARY = {
    "applicant.name": "金丝雀莲", "applicant.id_no": "11010519491231002X", "applicant.phone": "13900001111",
    "applicant.address": "东门村七组卯号", "agent.name": "雀大山人", "agent.relation": "雀之长子",
    "text": "雀家有病人", "f.materials": "m01",
}  # fmt: skip
FORMS: Mapping[str, Mapping[str, str]] = {
    "POST /sign-in": {"staff_no": "C001", "passphrase": PASSPHRASE + "!"},
    "POST /switch": {"staff_no": "V001", "pin": "1234"},
    "POST /pin": {"without": "1"},
    "POST /station": {"station": VILLAGE},
    "POST /receive/{item}": {"applicant.name": "某人", "f.materials": "m01"},
    "POST /receive/{item}/draft": {"applicant.name": "某人"},
    "POST /receive/{item}/person": {"applicant.id_no": CANARY["applicant.id_no"]},
    "POST /case/{case}/do/{action}": {"text": "看过"},
}
BODIES: Mapping[str, object] = {
    "POST /api/v1/case/{case}/act": {"action": "note", "text": "看过"},
    "POST /api/v1/receive": {
        "item": ALLOWANCE,
        "applicant": {"name": "某人"},
        "facts": {"materials": ["m01"]},
    },
}
FURTHER = (
    "/find?q=jsql", "/find?q=002X", "/find?q=高龄", "/cases?closed=1", "/cases?closed=1&format=xlsx",
    "/monthly?since=2026-01-01", "/monthly?since=2026-01-01&format=xlsx", "/case/{case}/slip?paper=a4",
    "/case/{case}/do/hand_over", "/case/{case}/do/amend", "/api/v1/find?q=jsql", "/api/v1/find?q=002X",
    "/api/v1/worklist?closed=1",
)  # fmt: skip
"""Addresses with a query, and other actions: for the hunt for what leaks."""


@pytest.fixture(scope="module")
def samples() -> dict[str, str]:
    """What stands in braces; the case is received by the first test."""
    return {"item": ALLOWANCE, "action": "note"}


async def _case(hall: Office, samples: dict[str, str]) -> str:
    """Return the village's case, received with a canary in every field of a person."""
    if "case" not in samples:
        async with Desk(hall) as desk:
            await desk.sign_in("V001")
            answer = await desk.receive_form(ALLOWANCE, CANARY)
            assert answer.status == 303, answer.code
            samples["case"] = answer.where.split("/")[2]
    return samples["case"]


async def _ask(desk: Desk, line: str, samples: Mapping[str, str]) -> Answer:
    method, path = line.split(" ")
    where = filled(path, samples)
    assert where, f"no sample for {path}"
    if path == "/events":
        async with desk.session.get(desk.office.base + where, allow_redirects=False) as answer:
            return Answer(status=answer.status, text="", headers=answer.headers, raw=b"")
    if line in BODIES:
        return await desk.call_api(where, BODIES[line])
    return await (desk.get(where) if method == "GET" else desk.post(where, FORMS.get(line, {})))


def _words(answer: Answer) -> str:
    """Return everything that can be read in an answer, workbooks unpacked."""
    if not answer.raw.startswith(b"PK"):
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.raw)) as book:
        return "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())


def _leaks(answer: Answer, number: str) -> list[str]:
    words = _words(answer)
    hidden = {name: text for name, text in CANARY.items() if name != "f.materials"}
    return [name for name, text in {**hidden, "number": number}.items() if text in words]


def test_every_route_is_in_the_matrix():
    assert {f"{method} {path}" for method, path in routes()} == set(MATRIX)
    assert all(len(statuses.split()) == len(WHO) for statuses in MATRIX.values())


@pytest.mark.parametrize("who", WHO)
async def test_who_gets_what(hall: Office, samples: dict[str, str], who: str):
    case = await _case(hall, samples)
    number = await _number(hall, case)
    place, found, leaks = WHO.index(who), {}, {}
    async with Desk(hall) as desk:
        desk.word = (await desk.get("/sign-in")).word
        if who != "nobody":
            await desk.sign_in(who)
        for line in sorted(MATRIX, key=lambda one: one in ENDINGS):
            if line == ENDINGS[1] and who != "nobody":
                await desk.sign_in(who)
            answer = await _ask(desk, line, samples)
            found[line] = answer.status
            if leaked := _leaks(answer, number):
                leaks[line] = leaked
        await desk.sign_in(who) if who != "nobody" else None
        for path in FURTHER:
            if leaked := _leaks(await desk.get(filled(path, samples)), number):
                leaks[path] = leaked
    expected = {line: int(statuses.split()[place]) for line, statuses in MATRIX.items()}
    assert {
        line: (expected[line], status) for line, status in found.items() if status != expected[line]
    } == {}
    if who in ("nobody", "V002"):
        assert leaks == {}
    else:
        assert "GET /case/{case}" in leaks, "the check has to see what the village's own people see"


async def _number(hall: Office, case: str) -> str:
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        answer = await desk.get(f"/api/v1/case/{case}")
        return answer.text.partition('"number": "')[2].partition('"')[0]


async def test_a_case_stays_closed_to_the_other_village_on_its_way_up(hall: Office, samples: dict[str, str]):
    case = await _case(hall, samples)
    async with Desk(hall) as village, Desk(hall) as other:
        await village.sign_in("V001")
        await other.sign_in("V002")
        assert (await village.post(f"/case/{case}/do/hand_over", {"f.to": "990121001000-00"})).status == 303
        assert (await other.get(f"/case/{case}")).status == 403
        assert (await other.post(f"/case/{case}/do/take_over")).status == 403
        assert (await village.get(f"/case/{case}")).status == 200
        # Offered to the other village, it is open to it: whoever takes over has to see what.
        recalled = await village.post(f"/case/{case}/do/recall_hand_over", {"f.reason": "wrong_station"})
        assert recalled.status == 303, recalled.code
        offered = await village.post(f"/case/{case}/do/hand_over", {"f.to": OTHER_VILLAGE})
        assert offered.status == 303, offered.code
        assert (await other.get(f"/case/{case}")).status == 200
