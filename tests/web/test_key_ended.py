"""A key that ended opens nothing more, whoever still sits at the browser: over three real stations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from stations.county.people import REGISTRAR_NO
from stations.texts import Say
from tests.web.desk import Desk
from tests.web.offices import COUNTY, PIN, TOWNSHIP, VILLAGE, Office, found
from tests.web.seat import ALLOWANCE

CODE = "web.key_ended"
WAIT_S = 120
RECEIVE = f"/receive/{ALLOWANCE}"
GONE, STAYS = "V003", "V001"


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Office]]:
    """County, township and village, joined and in step; one of the village's clerks goes, the other stays."""
    made = found(tmp_path_factory.mktemp("ended"))
    serving = [made[station] for station in (COUNTY, TOWNSHIP, VILLAGE)]
    try:
        for office in serving:
            office.start()
        for office in serving[1:]:
            office.run("sync", "now")
        yield made
    finally:
        for office in reversed(serving):
            office.stop()


def spread(offices: dict[str, Office], *words: str) -> None:
    """Act on the registry at the county; the village learns of it by syncing."""
    offices[COUNTY].run(*words, "--as", REGISTRAR_NO)
    for station in (TOWNSHIP, VILLAGE):
        offices[station].run("sync", "now")


async def switch(desk: Desk, no: str) -> tuple[int, str]:
    answer = await desk.post("/switch", {"staff_no": no, "pin": PIN, "next": "/cases"})
    return answer.status, answer.code


async def test_a_retired_key_reads_nothing_more(offices: dict[str, Office]) -> None:
    async with Desk(offices[VILLAGE]) as desk, Desk(offices[VILLAGE]) as locked:
        await desk.sign_in(STAYS, pin=PIN)
        await desk.sign_in(GONE, pin=PIN)
        await locked.sign_in(GONE, pin=PIN)
        await locked.post("/lock")
        got = await desk.receive(ALLOWANCE, "赵零", **{"f.materials": "m01"})
        case = got.where.split("/")[2]
        pages = ("/cases", f"/case/{case}", "/find?q=%E8%B5%B5", "/")
        for path in pages:
            assert (await desk.get(path)).status == 200, path
        stream = await desk.session.get(offices[VILLAGE].base + "/events")
        spread(offices, "staff", "retire", GONE, "--reason", "retired")
        told = (await stream.content.read()).decode()
        assert told.endswith("event: locked\ndata:\n\n"), "an open page learns it by itself"
        for path in pages:
            refused = await desk.get(path)
            assert (refused.status, refused.code) == (403, CODE), path
            assert "韩东门" in refused.text and 'action="/sign-in"' in refused.text
            assert case not in refused.text.replace(f'value="/case/{case}"', "")
        api = await desk.get("/api/v1/worklist")
        assert (api.status, json.loads(api.text)["code"]) == (401, CODE)
        assert json.loads((await desk.get("/api/v1/session")).text)["staff_no"] == ""
        assert (await desk.get("/events", headers={"Accept": "text/event-stream"})).status == 204
        assert await switch(desk, GONE) == (403, CODE)
        assert await switch(locked, GONE) == (403, CODE), "a lock keeps no door open"
        assert (await locked.get("/cases")).code == CODE
        # Whoever else unlocked a key in this browser goes on.
        assert await switch(desk, STAYS) == (303, "")
        assert (await desk.get(f"/case/{case}")).status == 200
        assert await switch(desk, GONE) != (303, "")


async def test_roles_hold_as_they_are_now(offices: dict[str, Office]) -> None:
    async with Desk(offices[VILLAGE]) as desk:
        await desk.sign_in(STAYS, pin=PIN)

        async def roles() -> list[str]:
            held: list[str] = json.loads((await desk.get("/api/v1/session")).text)["roles"]
            return held

        assert await roles() == ["window"]
        scope = ("--scope", VILLAGE)
        spread(offices, "staff", "grant", STAYS, "--role", "head", *scope)
        assert await roles() == ["head", "window"]
        assert (await desk.get("/cases")).status == 200


async def test_a_role_that_ends_is_gone_at_once_and_with_the_last_one_the_person(hall: Office) -> None:
    async with asyncio.timeout(WAIT_S), Desk(hall) as registrar, Desk(hall) as desk:
        await registrar.sign_in("R001")
        await desk.sign_in(GONE, pin=PIN)

        async def change(what: str, role: str) -> None:
            page = await registrar.get(f"/people/{GONE}")
            once = page.text.partition('name="once" value="')[2].partition('"')[0]
            fields = {"once": once, "role": role, "scope": VILLAGE}
            assert (await registrar.post(f"/people/{GONE}/{what}", fields)).status == 303, (what, role)

        async def roles() -> list[str]:
            held: list[str] = json.loads((await desk.get("/api/v1/session")).text)["roles"]
            return held

        await change("grant", "head")
        assert await roles() == ["head", "window"]
        await change("end", "head")
        assert await roles() == ["window"]
        async with desk.session.get(hall.base + "/events") as stream:
            await change("end", "window")
            assert (await stream.content.read()).decode().endswith("event: locked\ndata:\n\n")
        assert (await desk.get("/cases")).code == CODE
        # The open page sends what was being typed: it goes with the key, and nothing is promised.
        typed = {"applicant.name": "赵半截", "kept.action": RECEIVE, "kept.page": RECEIVE}
        before = set((hall.folder / "unsigned").glob("*"))
        sent = await desk.post("/unsigned/keep", typed, {"X-Banjian-Live": "1"})
        assert json.loads(sent.text) == {"kept": False, "ended": True}
        assert set((hall.folder / "unsigned").glob("*")) <= before
        assert Say(language="zh")("web.lock_kept") not in (await desk.get("/sign-in")).text
        await change("grant", "window")
        await desk.sign_in(GONE)
        assert await roles() == ["window"]
        assert "赵半截" not in (await desk.get(RECEIVE)).text


async def test_a_key_that_was_disclosed_opens_nothing_from_that_moment(offices: dict[str, Office]) -> None:
    async with Desk(offices[VILLAGE]) as open_one, Desk(offices[VILLAGE]) as locked:
        await open_one.sign_in(STAYS, pin=PIN)
        await locked.sign_in(STAYS, pin=PIN)
        await locked.post("/lock")
        assert (await open_one.get("/cases")).status == 200
        spread(offices, "staff", "retire", STAYS, "--reason", "compromised")
        assert (await open_one.get("/cases")).code == CODE
        assert (await open_one.post("/lock")).status in (303, 403)
        for desk in (open_one, locked):
            assert await switch(desk, STAYS) != (303, "")
            assert (await desk.get("/cases")).status != 200
