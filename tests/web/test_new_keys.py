"""A forgotten passphrase over three real stations: given without the county, carried, confirmed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.checking.verify import verify_ledger
from ledger.facade import Ledger
from ledger.registry import actions as registry_actions
from stations.county.people import REGISTRAR_NO
from tests.facade import counter
from tests.facade.counter import REGISTRAR, Dice, FakeClock, found_county
from tests.web import counterdesk
from tests.web.counterdesk import keys, serving
from tests.web.desk import Answer, Desk
from tests.web.offices import COUNTY, PASSPHRASE, PIN, TOWNSHIP, VILLAGE, Office, copied, found
from tests.web.seat import ALLOWANCE

NEW = "a fresh passphrase"
CLERK = "V003"


@pytest.fixture(scope="module")
def in_step(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Office]:
    """County, township and village, joined and in step; then the county falls silent, and all is at rest."""
    made = found(tmp_path_factory.mktemp("keys"))
    serving = [made[station] for station in (COUNTY, TOWNSHIP, VILLAGE)]
    try:
        for office in serving:
            office.start()
        for office in serving[1:]:
            office.run("sync", "now")
        made[VILLAGE].run("receive", "高龄津贴", "--name", "赵零", "--as", "V001")
        made[COUNTY].kill()
    finally:
        for office in reversed(serving):
            office.stop()
    return made


@pytest.fixture
def offices(in_step: dict[str, Office], tmp_path: Path) -> Iterator[dict[str, Office]]:
    """A copy of them: township and village are at work again, the county is not."""
    made = copied(in_step, tmp_path)
    try:
        for station in (TOWNSHIP, VILLAGE):
            made[station].start()
        yield made
    finally:
        for station in (VILLAGE, TOWNSHIP, COUNTY):
            made[station].stop()


def once(page: Answer, path: str) -> dict[str, str]:
    """Return the hidden fields of the form that goes to a path."""
    form = re.search(rf'<form[^>]*action="{re.escape(path)}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    assert form, path
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.group(1))
    return dict(hidden)


async def give(desk: Desk, *, no: str = CLERK, **fields: str) -> Answer:
    path = f"/new-keys/{no}"
    page = await desk.get(path)
    typed = {"passphrase": NEW, "again": NEW, "reason": "forgotten", "days": "7", **fields}
    return await desk.post(path, {**once(page, path), **typed})


def test_a_head_sees_the_grants_of_her_own_people_alone(tmp_path: Path) -> None:
    folder, clock = tmp_path / "county", FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("heads"), write=True) as ledger:
        for no, station in (("T1", counter.TOWNSHIP), ("V1", counter.VILLAGE)):
            role = registry_actions.grant_role(staff_no=no, role="head", scope=station)
            ledger.register("grant_role", role, REGISTRAR)
    with serving(folder, clock=clock) as county:
        above, head, below = (county.desk(no) for no in ("C3", "T1", "V1"))
        for desk, no in ((above, "T2"), (head, "V2")):
            typed = {"passphrase": NEW, "again": NEW, "reason": "forgotten", "days": "7"}
            form = {"once": desk.get(f"/new-keys/{no}").field("once"), **typed}
            assert desk.send(f"/new-keys/{no}", form).status == 303

        def seen(desk: counterdesk.Desk) -> set[str]:
            rows = desk.get("/new-keys").text.partition('id="given"')[2]
            return {no for no in ("T2", "V2") if f"<small>{no}</small>" in rows}

        assert (seen(above), seen(head), seen(below)) == ({"T2", "V2"}, {"T2", "V2"}, {"V2"})
        assert below.get("/new-keys/T2/file").code == "web.scope"
        assert head.get("/new-keys/V2/file").status == 200


async def receive(desk: Desk, name: str) -> str:
    got = await desk.receive(ALLOWANCE, name, **{"f.materials": "m01"})
    assert got.status == 303, got.code
    return got.where.split("/")[2]


async def test_from_forgotten_to_confirmed(offices: dict[str, Office]) -> None:
    async with Desk(offices[TOWNSHIP]) as head:
        await head.sign_in("T003")
        assert "韩东门" in (await head.get("/new-keys")).text
        assert (await give(head, again="another one")).code == "web.passphrase_differs"
        assert (await give(head, days="8")).code == "grant.days"
        given = await give(head)
        assert given.status == 303, given.code
        shown = (await head.get(given.where)).text
        assert "等登记员确认" in shown
        assert "请把密钥文件带去" in shown, "her station is not kept on this PC"
        carried = await head.get(f"/new-keys/{CLERK}/file")
        assert carried.status == 200
        assert CLERK not in (await head.get("/sign-in")).text, "her station is not kept here"
    # In the village the clerk goes on with the file from the stick, though the county is silent.
    async with Desk(offices[VILLAGE]) as clerk:
        clerk.word = (await clerk.get("/my-key")).word
        brought = await clerk.post("/my-key/bring", files={"key_file": (f"{CLERK}.newkey", carried.raw)})
        assert brought.where == "/sign-in", brought.code
        await clerk.sign_in(CLERK, passphrase=NEW)
        case = await receive(clerk, "钱一")
        shown = await clerk.get(f"/case/{case}")
        assert "韩东门(V003)〔凭城关镇便民服务中心的临时授权〕" in shown.text
        assert (await clerk.get("/cases")).status == 200
    offices[COUNTY].start()
    offices[VILLAGE].run("sync", "now")
    offices[TOWNSHIP].run("sync", "now")
    async with Desk(offices[COUNTY]) as registrar:
        await registrar.sign_in(REGISTRAR_NO)
        assert "有 1 把临时密钥等登记员确认" in (await registrar.get("/people")).text
        assert "郑主任" in (await registrar.get(f"/people/{CLERK}")).text
        page, path = await registrar.get("/new-keys"), f"/new-keys/{CLERK}/confirm"
        fields = once(page, path)
        assert (await registrar.post(path, fields)).where == "/new-keys"
        assert (await registrar.post(path, fields)).where == "/new-keys", "sent twice, acted on once"
        assert "已确认" in (await registrar.get("/new-keys")).text
        assert (await registrar.get("/new-keys?format=xlsx")).raw.startswith(b"PK")
        assert (await registrar.get(f"/case/{case}")).code == "web.no_cases", "she keeps keys, not cases"
        again = await registrar.post(path, {"key": fields["key"]})
        assert again.code == "grant.settled"
    offices[TOWNSHIP].run("sync", "now")
    offices[VILLAGE].run("sync", "now")
    async with Desk(offices[VILLAGE]) as clerk:
        await clerk.sign_in(CLERK, passphrase=NEW)
        shown = await clerk.get(f"/case/{await receive(clerk, '钱二')}")
        assert "韩东门(V003)" in shown.text
        assert "临时授权" not in shown.text
    for station in (COUNTY, TOWNSHIP, VILLAGE):
        report = verify_ledger(offices[station].folder)
        assert report.ok, report.findings


async def test_a_colleague_signs_in_at_the_same_pc_at_once(offices: dict[str, Office]) -> None:
    async with Desk(offices[TOWNSHIP]) as head:
        await head.sign_in("T003")
        given = await give(head, no="T002")
        assert "现在就能在这台电脑上用新口令登录" in (await head.get(given.where)).text
    async with Desk(offices[TOWNSHIP]) as clerk:
        clerk.word = (await clerk.get("/sign-in")).word
        old = {"staff_no": "T002", "passphrase": PASSPHRASE, "next": "/"}
        assert (await clerk.post("/sign-in", old)).code == "key.passphrase"
        assert (await clerk.get("/sign-in")).text.count('value="T002"') == 1
        await clerk.sign_in("T002", passphrase=NEW)
        case = await receive(clerk, "孙一")
        assert "吴窗口(T002)〔凭城关镇便民服务中心的临时授权〕" in (await clerk.get(f"/case/{case}")).text
        assert (await clerk.get("/new-keys")).status == 403
    # Nobody is above the head here but the county: equals and oneself are not offered.
    async with Desk(offices[TOWNSHIP]) as head:
        await head.sign_in("T003")
        assert (await head.get("/new-keys/T003")).code == "grant.not_yours"


async def test_the_old_key_signs_nothing_more_once_the_new_one_is_brought(offices: dict[str, Office]) -> None:
    async with (
        Desk(offices[TOWNSHIP]) as head,
        Desk(offices[VILLAGE]) as old,
        Desk(offices[VILLAGE]) as locked,
    ):
        await old.sign_in(CLERK, pin=PIN)
        await locked.sign_in(CLERK, pin=PIN)
        await locked.post("/lock")
        await head.sign_in("T003")
        await give(head)
        carried = await head.get(f"/new-keys/{CLERK}/file")
        assert (await old.get("/cases")).status == 200
        form = await old.get(f"/receive/{ALLOWANCE}")
        async with (
            Desk(offices[VILLAGE]) as clerk,
            old.session.get(offices[VILLAGE].base + "/events") as stream,
        ):
            clerk.word = (await clerk.get("/my-key")).word
            await clerk.post("/my-key/bring", files={"key_file": (f"{CLERK}.newkey", carried.raw)})
            assert (await stream.content.read()).decode().endswith("event: locked\ndata:\n\n")
            fields = {"once": once(form, f"/receive/{ALLOWANCE}")["once"], "applicant.name": "旧钥匙"}
            where = {"Referer": offices[VILLAGE].base + f"/receive/{ALLOWANCE}"}
            refused = await old.post(f"/receive/{ALLOWANCE}", fields, where)
            assert (refused.status, refused.code) == (403, "web.key_replaced")
            assert "韩东门" in refused.text and 'action="/sign-in"' in refused.text
            assert (await old.get("/cases")).code == "web.key_replaced"
            assert (await old.get("/api/v1/worklist")).status == 401
            unlocked = await locked.post("/switch", {"staff_no": CLERK, "pin": PIN, "next": "/cases"})
            assert (unlocked.status, unlocked.code) == (403, "web.key_replaced")
            await clerk.sign_in(CLERK, passphrase=NEW)
            assert "旧钥匙" not in (await clerk.get("/cases")).text
        # With the new key the same person finds what was typed with the old one.
        await old.sign_in(CLERK, passphrase=NEW)
        again = await old.get(f"/receive/{ALLOWANCE}")
        assert 'value="旧钥匙"' in again.text
        case = await receive(old, "新钥匙")
        assert "韩东门(V003)〔凭城关镇便民服务中心的临时授权〕" in (await old.get(f"/case/{case}")).text


async def test_a_key_whose_grant_the_county_refused_is_explained(offices: dict[str, Office]) -> None:
    async with Desk(offices[TOWNSHIP]) as head:
        await head.sign_in("T003")
        assert (await give(head)).status == 303
        carried = await head.get(f"/new-keys/{CLERK}/file")
    async with Desk(offices[VILLAGE]) as clerk:
        clerk.word = (await clerk.get("/my-key")).word
        await clerk.post("/my-key/bring", files={"key_file": (f"{CLERK}.newkey", carried.raw)})
        await clerk.sign_in(CLERK, passphrase=NEW)
        offices[COUNTY].start()
        offices[COUNTY].run("staff", "retire", CLERK, "--reason", "retired", "--as", REGISTRAR_NO)
        offices[TOWNSHIP].run("sync", "now")
        offices[VILLAGE].run("sync", "now")
        got = await clerk.receive(ALLOWANCE, "钱三", **{"f.materials": "m01"})
        assert got.code == "web.key_ended", got.status
        page = await clerk.get("/sign-in")
        assert "用不了的临时密钥" in page.text
        assert CLERK in page.text


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "web.no_file"),
        (b"\x92\xc4\x00\xc4\x00", "grant.no_key"),
        (b"\x91\xc4\x00", "grant.no_key"),
        ("不是密钥".encode(), "key.envelope"),
    ],
)
async def test_a_wrong_file_changes_nothing(trio: dict[str, Office], content: bytes, code: str) -> None:
    folder = trio[VILLAGE].folder / "keys"
    before = sorted(path.name for path in folder.iterdir())
    async with Desk(trio[VILLAGE]) as clerk:
        clerk.word = (await clerk.get("/my-key")).word
        answer = await clerk.post("/my-key/bring", files={"key_file": ("x.newkey", content)})
        assert answer.code == code
    assert sorted(path.name for path in folder.iterdir()) == before
