"""Roles by endpoints by divisions: who gets what from every address, and whose data nobody else sees."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Mapping

import pytest

from tests.web.desk import Answer, Desk
from tests.web.furniture import CHUNK, ORDER, ROSTER_TITLE, furnish, lay_roster, lay_upload
from tests.web.matrix import BODIES, CANARY, ENDINGS, FORMS, FURTHER, MATRIX, SAMPLES, WHO
from tests.web.offices import OTHER_VILLAGE, TOWNSHIP, Office
from tests.web.routes import filled, routes
from tests.web.seat import ALLOWANCE

SOMEBODY = (
    CANARY["applicant.name"], CANARY["applicant.id_no"], CANARY["applicant.phone"],
    CANARY["applicant.address"],
)  # fmt: skip


@pytest.fixture(scope="module")
def samples() -> dict[str, str]:
    """What stands in braces; the case is received, and the desk furnished, by the first test."""
    return dict(SAMPLES)


async def _case(hall: Office, samples: dict[str, str]) -> str:
    """Return the village's case, received with a canary in every field of a person."""
    if "case" not in samples:
        async with Desk(hall) as desk:
            await desk.sign_in("V001")
            answer = await desk.receive_form(ALLOWANCE, CANARY)
            assert answer.status == 303, answer.code
            samples["case"] = answer.where.split("/")[2]
            samples |= await furnish(desk, hall.folder.parent, samples["case"], SOMEBODY, above=TOWNSHIP)
            samples["backups"] = str(hall.folder.parent / "backups")
    return samples["case"]


async def _lay_again(hall: Office, samples: dict[str, str]) -> None:
    """Lay what somebody used up onto the clerk's desk again."""
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        samples["roster"] = await lay_roster(desk, hall.folder.parent, (SOMEBODY,))
        samples |= await lay_upload(desk)


async def _ask(desk: Desk, line: str, samples: Mapping[str, str]) -> Answer:
    method, path = line.split(" ")
    where = filled(path, samples)
    assert where, f"no sample for {path}"
    if path == "/events":
        async with desk.session.get(desk.office.base + where, allow_redirects=False) as answer:
            return Answer(status=answer.status, text="", headers=answer.headers, raw=b"")
    if line in BODIES:
        return await desk.call_api(where, BODIES[line])
    if method == "PUT":
        return await desk.put(where, CHUNK)
    fields = {name: filled(text, samples) for name, text in FORMS.get(line, {}).items()}
    return await (desk.get(where) if method == "GET" else desk.post(where, fields))


def _turn(line: str) -> tuple[int, int]:
    """Return when a line comes: what ends something last, chunks before the end of their upload."""
    return ENDINGS.index(line) + 1 if line in ENDINGS else 0, ("GET", "PUT", "POST").index(
        line.partition(" ")[0]
    )


def _words(answer: Answer) -> str:
    """Return everything that can be read in an answer, workbooks unpacked."""
    if not answer.raw.startswith(b"PK"):
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.raw)) as book:
        return "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())


def _leaks(answer: Answer, hidden: Mapping[str, str], sent: str) -> list[str]:
    """Return what an answer holds of what is hidden; what was sent may be repeated."""
    words = _words(answer)
    return [name for name, text in hidden.items() if text in words and text not in sent]


def _sent(line: str, samples: Mapping[str, str]) -> str:
    return " ".join(filled(text, samples) for text in (line, *FORMS.get(line, {}).values()))


async def _hidden(hall: Office, samples: Mapping[str, str]) -> dict[str, str]:
    """Return what nobody of another village may read anywhere."""
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        answer = await desk.get(f"/api/v1/case/{samples['case']}")
        number = answer.text.partition('"number": "')[2].partition('"')[0]
    people = {name: text for name, text in CANARY.items() if name != "f.materials"}
    return {
        **people, "number": number, "pad": samples["pad"], "roster": ROSTER_TITLE, "order": ORDER,
        "attachment": CHUNK.decode("ascii"),
    }  # fmt: skip


def test_every_route_is_in_the_matrix():
    assert {f"{method} {path}" for method, path in routes()} == set(MATRIX)
    assert all(len(statuses.split()) == len(WHO) for statuses in MATRIX.values())


@pytest.mark.parametrize("who", WHO)
async def test_who_gets_what(hall: Office, samples: dict[str, str], who: str):
    await _case(hall, samples)
    await _lay_again(hall, samples)
    samples["at"] = str(WHO.index(who))
    hidden = await _hidden(hall, samples)
    place, found, leaks, codes = WHO.index(who), {}, {}, {}
    async with Desk(hall) as desk:
        desk.word = (await desk.get("/sign-in")).word
        if who != "nobody":
            await desk.sign_in(who)
        for line in sorted(MATRIX, key=_turn):
            if line == "POST /sign-out" and who != "nobody":
                await desk.sign_in(who)
            answer = await _ask(desk, line, samples)
            while answer.code == "web.job_busy":
                # What an earlier line began is at its end in a moment.
                await asyncio.sleep(0.1)
                answer = await _ask(desk, line, samples)
            if line == "POST /station" and who != "nobody":
                # Forms hold for one station: those of pages opened before are refused.
                desk.word = (await desk.get("/pin")).word
            found[line], codes[line] = answer.status, answer.code
            if leaked := _leaks(answer, hidden, _sent(line, samples)):
                leaks[line] = leaked
        await desk.sign_in(who) if who != "nobody" else None
        for path in FURTHER:
            if leaked := _leaks(await desk.get(filled(path, samples)), hidden, _sent(path, samples)):
                leaks[path] = leaked
    expected = {line: int(statuses.split()[place]) for line, statuses in MATRIX.items()}
    assert {
        line: (expected[line], status, codes[line])
        for line, status in found.items()
        if status != expected[line]
    } == {}
    if who == "R001":
        # Who ends a key or closes a station is told which cases that leaves behind, by number alone.
        assert {name for names in leaks.values() for name in names} <= {"number"}
    elif who in ("nobody", "V002"):
        assert leaks == {}
    else:
        assert "GET /case/{case}" in leaks, "the check has to see what the village's own people see"
    if who == "V001":
        seen = {name for line in leaks.values() for name in line}
        assert seen == set(hidden), "everything that is hidden from others has to come by"


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
