"""Attempts at foreign doors: forms of other sites, other hosts, planted cookies, redirects, sizes, markup."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientSession, DummyCookieJar

from ledger.facade import Home
from stations.web.browsers import STRANGERS_MAX, Browsers
from stations.web.unsigned import KeptForms
from tests.web.desk import Desk
from tests.web.offices import PASSPHRASE, Office
from tests.web.routes import filled, routes
from tests.web.seat import ALLOWANCE

SAMPLES = {"case": "00" * 16, "item": ALLOWANCE, "action": "note"}
WRITES = [filled(path, SAMPLES) for method, path in routes() if method == "POST" and filled(path, SAMPLES)]
HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ELSEWHERE = (
    "//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "/\t/evil.example", "/x\r\nSet-Cookie: a=b", " //evil.example", "evil.example", "",
)  # fmt: skip


@pytest_asyncio.fixture
async def desk(hall: Office) -> AsyncIterator[Desk]:
    """A browser at which a clerk has signed in."""
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        yield desk


@pytest_asyncio.fixture
async def stranger(hall: Office) -> AsyncIterator[Desk]:
    """A browser at which nobody has."""
    async with Desk(hall) as desk:
        desk.word = (await desk.get("/sign-in")).word
        yield desk


@pytest.mark.parametrize("path", WRITES)
async def test_no_form_is_taken_that_no_page_of_this_browser_made(desk: Desk, stranger: Desk, path: str):
    own = desk.word
    for word in ("", "0" * 48, own[:-1], own + "0", stranger.word, "é"):
        answer = await desk.send("POST", path, {"form": word, "staff_no": "V001"})
        assert answer.status == 403 and "web.form" in answer.text, (path, word)
    answer = await desk.send("POST", path, headers={"X-Banjian-Form": stranger.word})
    assert answer.status == 403
    assert (await desk.get("/cases")).status == 200, "an attempt must not sign anybody out"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
async def test_a_form_sent_by_another_site_is_refused_even_with_the_word(desk: Desk, site: str):
    answer = await desk.post("/language", {"language": "en", "next": "/"}, headers={"Sec-Fetch-Site": site})
    assert answer.status == 403 and answer.code == "web.form"
    for own in ("same-origin", "none"):
        answer = await desk.post("/language", {"language": "zh"}, headers={"Sec-Fetch-Site": own})
        assert answer.status == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "banjian", "[::1", "a b"]
)
async def test_another_host_reaches_nothing(desk: Desk, host: str):
    for path in ("/", "/cases", "/find?q=a"):
        answer = await desk.get(path, headers={"Host": host})
        assert answer.status in (400, 403), (host, path)
        assert "<table" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "192.168.1.20", "[::1]"])
async def test_this_machine_and_addresses_reach_the_pages(desk: Desk, host: str):
    assert (await desk.get("/cases", headers={"Host": f"{host}:8710"})).status == 200


@pytest.mark.parametrize(
    ("headers", "here"),
    [
        ({}, True),
        ({"Host": "localhost:8710"}, True),
        ({"Host": "192.168.1.20:8710"}, False),
        ({"X-Forwarded-For": "192.168.1.77"}, False),
        ({"Forwarded": "for=192.168.1.77"}, False),
    ],
)
async def test_who_comes_through_a_proxy_does_not_sit_at_this_machine(
    stranger: Desk, headers: dict[str, str], here: bool
):
    page = await stranger.get("/my-key", headers=headers)
    assert (page.code == "web.local_only") is not here and page.status == (200 if here else 403)


async def test_a_planted_cookie_opens_nothing(hall: Office):
    async with Desk(hall) as desk:
        first = await desk.get("/sign-in")
        name, _, rest = first.headers["Set-Cookie"].partition("=")
        planted, word = rest.partition(";")[0], first.word
        page = await desk.sign_in("V001")
        renewed = {one.key: one.value for one in desk.session.cookie_jar}[name]
        assert renewed != planted and page.word != word
        own = desk.word
    async with Desk(hall) as attacker:
        headers = {"Cookie": f"{name}={planted}"}
        assert (await attacker.get("/cases", headers=headers)).status == 303
        for stolen in (word, own):
            answer = await attacker.send("POST", "/lock", {"form": stolen}, headers)
            assert answer.status == 403
    # A cookie of the attacker's choosing is never taken over.
    chosen = secrets.token_hex(24)
    async with Desk(hall) as attacker:
        answer = await attacker.get("/sign-in", headers={"Cookie": f"{name}={chosen}"})
        assert chosen not in answer.headers["Set-Cookie"]


async def test_signing_out_ends_what_the_cookie_opened(hall: Office):
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        cookies = "; ".join(f"{one.key}={one.value}" for one in desk.session.cookie_jar)
        assert (await desk.post("/sign-out")).status == 303
    async with Desk(hall) as attacker:
        assert (await attacker.get("/cases", headers={"Cookie": cookies})).status == 303


async def test_the_cookie_is_kept_from_scripts_and_other_sites(stranger: Desk, hall: Office):
    async with Desk(hall) as desk:
        told = (await desk.get("/sign-in")).headers["Set-Cookie"].lower()
    assert "httponly" in told and "samesite=strict" in told and "path=/" in told and "domain" not in told


@pytest.mark.parametrize(
    "path",
    ["/", "/cases", "/cases?format=xlsx", "/no/such/page", "/case/xx", "/static/app.js", "/static/none.js",
     "/case/" + "00" * 16, "/find?q=%00", "/receive/none", "/monthly?since=x", "/static/../site.py"],
)  # fmt: skip
async def test_every_answer_carries_the_headers(desk: Desk, stranger: Desk, path: str):
    for one in (desk, stranger):
        answer = await one.get(path)
        assert answer.status < 500, path
        for name, begins in HEADERS.items():
            assert answer.headers.get(name, "").startswith(begins), (path, name)
        policy = answer.headers["Content-Security-Policy"]
        assert (
            "unsafe" not in policy and "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
        )
        if not path.startswith("/static"):
            assert answer.headers["Cache-Control"] == "no-store", path


async def test_a_browser_keeps_the_files_of_pages_and_asks_for_none_until_it_changes(desk: Desk):
    for page in ("/cases", "/monthly", "/hall"):
        named = re.findall(r'"(/static/[^"]+)"', (await desk.get(page)).text)
        assert len(named) > 2
        for address in named:
            path, _, tag = address.partition("?v=")
            kept, other = await desk.get(address), await desk.get(f"{path}?v=0")
            assert kept.status == other.status == 200 and kept.raw == other.raw and tag, address
            assert "immutable" in kept.headers["Cache-Control"], address
            # A page of before an upgrade never makes a browser keep what came after it under the old name.
            assert "immutable" not in other.headers.get("Cache-Control", ""), address


@pytest.mark.parametrize("path", WRITES)
async def test_nothing_that_is_sent_makes_a_page_fail(desk: Desk, path: str):
    if path in ("/lock", "/sign-out"):
        return
    odd = {"next": "/\x00", "staff_no": "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
           "f.target": "zz", "at": "never", "station": "<b>", "f.materials": ["x"] * 50}  # fmt: skip
    assert (await desk.post(path, odd)).status < 500
    word = {"X-Banjian-Form": desk.word}
    for body, kind in (
        (b"\xff\xfe=\xff&%zz=%", "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"{", "application/json"),
        (b"a=1", "application/x-www-form-urlencoded; charset=no-such"),
    ):
        url = desk.office.base + path
        async with desk.session.post(
            url, data=body, headers={**word, "Content-Type": kind}, allow_redirects=False
        ) as answer:
            assert answer.status < 500, (path, kind)


@pytest.mark.parametrize("where", ELSEWHERE)
async def test_nobody_is_sent_elsewhere(hall: Office, where: str):
    async with Desk(hall) as desk:
        await desk.sign_in("V001", pin="2580")
        answers = [
            await desk.post("/language", {"language": "zh", "next": where}),
            await desk.post("/switch", {"staff_no": "V001", "pin": "2580", "next": where}),
            await desk.post("/pin", {"without": "1", "next": where}),
            await desk.post("/station", {"station": "990121001201-00", "next": where}),
        ]
        for answer in answers:
            assert answer.status == 303 and answer.where == "/", answer.where
            assert "a" not in {one.key for one in desk.session.cookie_jar}


@pytest.mark.parametrize(
    "path", ["/case/%0d%0aSet-Cookie:%20a=b", "/%0aX:%20y", "/case/%E5%8A%9E", "/x%2F%2Fy"]
)
async def test_an_address_reaches_no_header(hall: Office, path: str):
    async with Desk(hall) as stranger:
        answer = await stranger.get(path)
        assert answer.status in (303, 404)
        assert "\n" not in answer.where and "X" not in answer.headers
        assert "Content-Security-Policy" in answer.headers
    async with Desk(hall) as desk:
        await desk.sign_in("V001")
        dropped = await desk.post(f"/receive/{path.rpartition('/')[2]}/draft/drop")
        assert dropped.status == 303 and "\n" not in dropped.where


async def test_what_is_too_large_is_refused_and_told(desk: Desk):
    answer = await desk.post("/language", {"language": "en", "next": "/" + "x" * 2_000_000})
    assert answer.status == 413 and "Content-Security-Policy" in answer.headers
    assert answer.code == "web.too_large"
    assert (await desk.get("/cases")).status == 200
    async with desk.session.get(desk.office.base + "/find", params={"q": "x" * 7_000}) as found:
        assert found.status == 200
    async with desk.session.get(desk.office.base + "/find", params={"q": "x" * 70_000}) as found:
        assert found.status in (400, 414)


async def test_passphrases_are_tried_one_by_one_even_when_sent_at_once(hall: Office):
    async with Desk(hall) as desk:
        desk.word = (await desk.get("/sign-in")).word
        # Somebody who signs in nowhere else: the wait goes on behind this test.
        fields = {"staff_no": "V003", "passphrase": "wrong"}
        answers = await asyncio.gather(*(desk.post("/sign-in", fields) for _ in range(12)))
        codes = [answer.code for answer in answers]
        assert codes.count("key.passphrase") == 5 and codes.count("web.too_often") == 7


async def test_whoever_comes_without_a_cookie_signs_nobody_out(hall: Office, desk: Desk):
    async with Desk(hall) as reading, ClientSession(cookie_jar=DummyCookieJar()) as flood:
        reading.word = (await reading.get("/sign-in")).word
        for _ in range(300):
            async with flood.get(hall.base + "/", allow_redirects=False) as answer:
                assert answer.status == 303
        assert (await desk.get("/cases")).status == 200
        # Nor does the page for signing in grow old that somebody is just looking at.
        fields = {"staff_no": "V001", "passphrase": PASSPHRASE, "next": "/"}
        assert (await reading.post("/sign-in", fields)).status == 303


def test_browsers_of_strangers_are_not_kept_for_ever(hall: Office):
    kept = KeptForms(Home(hall.folder), secrets.token_bytes)
    browsers = Browsers(lambda: 0, secrets.token_bytes, lock_ms=1000, kept=kept)
    tokens = []
    for _ in range(STRANGERS_MAX + 1):
        browser = browsers.of("")
        browsers.touch(browser)
        tokens.append(browser.token)
    assert browsers.of(tokens[0]).token != tokens[0] and browsers.of(tokens[-1]).token == tokens[-1]
