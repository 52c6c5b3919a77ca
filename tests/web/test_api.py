"""The JSON API against its own description, and by the same rules as the pages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from stations.web.api.routes import BASE
from tests.house.sources import ROOT
from tests.web.desk import Desk
from tests.web.offices import TOWNSHIP, VILLAGE, Office
from tests.web.routes import routes
from tests.web.seat import ALLOWANCE

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "null": type(None)}

WHOLE = {"item": ALLOWANCE, "applicant": {"name": "x"}}


def faults(schema: Mapping, value: object, where: str = "$") -> list[str]:
    """Return where a value is not what its schema says."""
    if "$ref" in schema:
        return faults(SCHEMAS[schema["$ref"].rpartition("/")[2]], value, where)
    if "anyOf" in schema:
        each = [faults(one, value, where) for one in schema["anyOf"]]
        return [] if [] in each else [f"{where}: fits none of {len(each)}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{where}: {type(value).__name__} is no {kind}"]
    if isinstance(value, list) and "items" in schema:
        return [
            fault for at, one in enumerate(value) for fault in faults(schema["items"], one, f"{where}[{at}]")
        ]
    if isinstance(value, dict) and "properties" in schema:
        known, required = schema["properties"], set(schema["required"])
        odd = [f"{where}.{name} is not described" for name in value if name not in known]
        odd += [f"{where}.{name} is missing" for name in required - set(value)]
        return odd + [
            fault
            for name in known
            if name in value
            for fault in faults(known[name], value[name], f"{where}.{name}")
        ]
    return []


@dataclass
class Client:
    """A program that has signed in."""

    desk: Desk
    word: str = ""

    async def call(
        self, method: str, path: str, body: object = None, *, word: str | None = None
    ) -> tuple[int, dict]:
        """Call the API; every answer has to be what the description says of its path and status."""
        headers = {"X-Banjian-Form": self.word if word is None else word} if method == "post" else {}
        url = f"{self.desk.office.base}{BASE}{path}"
        async with self.desk.session.request(
            method, url, json=body, headers=headers, allow_redirects=False
        ) as answer:
            assert answer.content_type == "application/json", (path, answer.status)
            given = await answer.json()
            described = re.sub(r"/case/[^/?]+", "/case/{case}", path).partition("?")[0]
            told = DOCUMENT["paths"][BASE + described][method]["responses"]
            schema = told[str(answer.status)]["content"]["application/json"]["schema"]
            assert faults(schema, given) == [], (path, answer.status)
            return answer.status, given


@pytest_asyncio.fixture
async def client(hall: Office) -> AsyncIterator[Client]:
    """A clerk's program."""
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        client = Client(desk)
        client.word = (await client.call("get", "/session"))[1]["form"]
        yield client


async def receipt(client: Client, name: str = "欧阳小莲", **more: object) -> dict:
    """Receive an application."""
    body = {"item": ALLOWANCE, "applicant": {"name": name}, "facts": {"materials": ["m01"]}, **more}
    status, done = await client.call("post", "/receive", body)
    assert status == 200, done
    return done


def test_every_path_of_the_router_is_described_and_no_other():
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(method, path) for method, path in routes() if path.startswith("/api/")}


def test_the_check_of_shapes_sees():
    session = {"$ref": "#/components/schemas/Session"}
    assert faults(session, {"form": 1})
    assert faults({"type": "array", "items": {"type": "integer"}}, [1, True]) == ["$[1]: bool is no integer"]


async def test_the_description_is_served(client: Client):
    assert (await client.call("get", "/openapi.json"))[1] == DOCUMENT


async def test_a_case_from_receipt_to_hand_over(client: Client):
    done = await receipt(client, agent={"name": "欧阳大山", "relation": "儿子"}, once="r1")
    assert len(done["token"]) == 8 and done["checkpoint"]
    status, case = await client.call("get", f"/case/{done['case']}")
    assert status == 200 and case["line"]["applicant"] == "欧阳小莲" and case["steps"][0]["own"]
    assert {one["action"] for one in case["may"]} >= {"hand_over", "note"}
    assert done["number"] in [line["number"] for line in (await client.call("get", "/worklist"))[1]["lines"]]
    found = (await client.call("get", "/find?q=oyxl"))[1]
    assert done["case"] in [line["case"] for line in found["lines"]]
    act = {"action": "hand_over", "facts": {"to": TOWNSHIP}, "heads": case["heads"], "once": "h1"}
    first = await client.call("post", f"/case/{done['case']}/act", act)
    again = await client.call("post", f"/case/{done['case']}/act", act)
    assert first[0] == 200 and again == first, "the same word, the same answer"
    assert first[1]["reason"] == ""
    stale = {"action": "note", "text": "备注", "heads": case["heads"]}
    status, refused = await client.call("post", f"/case/{done['case']}/act", stale)
    assert (status, refused["code"]) == (409, "web.moved_on")


@pytest.mark.parametrize(
    "path", ["/safety", "/board", "/conflicts", "/monthly", "/day-clear", "/worklist?limit=1"]
)
async def test_what_the_pages_show_is_told(client: Client, path: str):
    await receipt(client)
    status, told = await client.call("get", path)
    assert status == 200 and told
    if "limit" in path:
        assert len(told["lines"]) == 1 < told["count"] or told["count"] == 1


async def test_sent_at_the_same_moment_it_is_received_once(client: Client):
    body = {"item": ALLOWANCE, "applicant": {"name": "同时"}, "facts": {"materials": ["m01"]}, "once": "same"}
    done = await asyncio.gather(*(client.call("post", "/receive", body) for _ in range(5)))
    assert len({one["case"] for _, one in done}) == 1 and {status for status, _ in done} == {200}
    assert (await client.call("get", "/find?q=同时"))[1]["count"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 422, "web.api_body"),
        ({"item": ALLOWANCE}, 422, "web.api_field"),
        ({"item": 7, "applicant": {"name": "x"}}, 422, "web.api_field"),
        ({"item": ALLOWANCE, "applicant": {"nam": "x"}}, 422, "web.api_field"),
        ({"item": ALLOWANCE, "applicant": {"name": "x"}, "facts": {"materials": [{}]}}, 422, "web.api_field"),
        ({"item": ALLOWANCE, "applicant": {"name": ""}}, 422, "identity.no_name"),
        ({"item": ALLOWANCE, "applicant": {"name": "x", "id_no": "1"}}, 422, "identity."),
        ({"item": "none", "applicant": {"name": "x"}}, 422, "receive.item_unknown"),
        ({"item": ALLOWANCE, "applicant": {"name": "x"}, "at": "soon"}, 422, "web.date"),
        ({"item": ALLOWANCE, "applicant": {"name": "x"}, "at": "\ud800"}, 422, "web.api_body"),
        ({"item": "\ud800", "applicant": {"name": "x"}}, 422, "web.api_body"),
        ({"item": ALLOWANCE, "applicant": {"name": "\udfff"}}, 422, "web.api_body"),
        ({"item": ALLOWANCE, "applicant": {"name": "x"}, "facts": {"colour": "red"}}, 422, "web.api_field"),
        ({"item": ALLOWANCE, "applicant": {"name": "x"}, "facts": {"item": "x"}}, 422, "web.api_field"),
        (
            {"item": ALLOWANCE, "applicant": {"name": "x"}, "facts": {"late_entry": {"why": "x"}}},
            422,
            "web.api_field",
        ),
        (
            {"item": ALLOWANCE, "applicant": {"name": "x"}, "facts": {"channel": ["a", "b"]}},
            422,
            "web.api_field",
        ),
    ],
)
async def test_bad_bodies_are_refused_and_nothing_is_stored(
    client: Client, body: object, status: int, code: str
):
    before = (await client.call("get", "/safety"))[1]["entries"]
    answered, told = await client.call("post", "/receive", body)
    assert answered == status and told["code"].startswith(code), told
    assert (await client.call("get", "/safety"))[1]["entries"] == before


async def test_facts_that_an_action_has_not_are_refused_and_nothing_is_stored(client: Client):
    case = await receipt(client, "多写的")
    path = f"/case/{case['case']}/act"
    before = (await client.call("get", "/safety"))[1]["entries"]
    for facts in ({"colour": "red"}, {"manifest_complete": True}, {"note_code": ["asked", "asked"]}):
        status, told = await client.call("post", path, {"action": "note", "text": "x", "facts": facts})
        assert (status, told["code"]) == (422, "web.api_field"), facts
    hand_over = {"action": "hand_over", "facts": {"to": TOWNSHIP, "sealed": "maybe", "manifest": []}}
    assert (await client.call("post", path, hand_over))[0] == 422
    assert (await client.call("get", "/safety"))[1]["entries"] == before


async def test_figures_say_how_complete_they_are(client: Client):
    told = (await client.call("get", "/monthly"))[1]
    assert isinstance(told["complete_at_ms"], int) and isinstance(told["lacking"], list)


async def test_bytes_that_are_no_json_are_refused(client: Client):
    for raw in (b"{", b"\xff\xfe", b"[" * 100_000, b""):
        async with client.desk.session.post(
            f"{client.desk.office.base}{BASE}/receive", data=raw, headers={"X-Banjian-Form": client.word}
        ) as answer:
            assert answer.status == 422 and (await answer.json())["code"] == "web.api_body"


async def test_writes_need_the_word_and_reads_somebody(client: Client, hall: Office):
    body = {"item": ALLOWANCE, "applicant": {"name": "x"}}
    for word in ("", "0" * 48):
        status, told = await client.call("post", "/receive", body, word=word)
        assert (status, told["code"]) == (403, "web.form")
    async with Desk(hall) as nobody:
        stranger = Client(nobody)
        stranger.word = (await stranger.call("get", "/session"))[1]["form"]
        assert stranger.word != client.word
        for path in ("/worklist", "/find?q=x", "/board", f"/case/{'00' * 16}", "/safety"):
            assert (await stranger.call("get", path))[0] == 401
        assert (await stranger.call("post", "/receive", body))[0] == 401


async def test_another_village_is_refused(client: Client, hall: Office):
    done = await receipt(client, "只属东门")
    async with Desk(hall) as desk:
        await desk.sign_in("V002")
        other = Client(desk)
        other.word = (await other.call("get", "/session"))[1]["form"]
        assert (await other.call("get", f"/case/{done['case']}"))[0] == 403
        act = {"action": "note", "text": "x"}
        assert (await other.call("post", f"/case/{done['case']}/act", act))[0] == 403
        assert (await other.call("get", "/find?q=只属东门"))[1]["count"] == 0
        listed = (await other.call("get", "/worklist"))[1]["lines"]
        assert done["case"] not in [line["case"] for line in listed]


async def test_twins_are_told_to_those_alone_who_may_see_both(client: Client, hall: Office):
    human = {"name": "两处来的", "id_no": "11010519491231002X"}
    near = await receipt(client, human["name"], applicant=human)
    async with Desk(hall) as other, Desk(hall) as above:
        await other.sign_in("V002")
        await above.sign_in("T001")
        there = Client(other, (await Client(other).call("get", "/session"))[1]["form"])
        far = await receipt(there, human["name"], applicant=human)
        for asks, case in ((client, near), (there, far)):
            assert (await asks.call("get", f"/case/{case['case']}"))[1]["twins"] == []
        async with other.session.get(f"{hall.base}/case/{far['case']}") as answer:
            page = await answer.text()
            assert far["number"] in page and near["number"] not in page and near["case"] not in page
        seen = (await Client(above).call("get", f"/case/{near['case']}"))[1]["twins"]
        assert far["case"] in [line["case"] for line in seen]


async def test_what_is_not_there_and_what_is_not_taken_has_its_own_status(client: Client):
    status, refused = await client.call("get", f"/case/{'00' * 16}")
    assert (status, refused["code"]) == (404, "case.unknown")
    act = {"action": "note", "text": "x"}
    status, refused = await client.call("post", f"/case/{'00' * 16}/act", act)
    assert (status, refused["code"]) == (404, "case.unknown")
    for limit in ("１", "٣", "-1", "1e1"):
        status, refused = await client.call("get", f"/worklist?limit={limit}")
        assert (status, refused["code"]) == (422, "web.number")
    url = f"{client.desk.office.base}/api/v1/worklist"
    async with client.desk.session.delete(url, headers={"X-Banjian-Form": client.word}) as answer:
        given = await answer.json()
        assert answer.status == 405
    told = DOCUMENT["paths"]["/api/v1/worklist"]["get"]["responses"]["405"]
    assert faults(told["content"]["application/json"]["schema"], given) == []


async def test_unknown_paths_answer_in_json(client: Client):
    async with client.desk.session.get(f"{client.desk.office.base}/api/v1/none") as answer:
        assert answer.status == 404 and (await answer.json())["code"] == "web.no_page"
    assert VILLAGE in (await client.call("get", "/session"))[1]["stations"]
