"""A station that serves its pages inside the test, on a founded county and a fake clock, and a browser."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from ledger.facade import Home, Ledger
from ledger.facade.base.clock import Clock
from ledger.formats.envelope import seal_key
from ledger.registry import actions as registry_actions
from ledger.types import StationId
from stations.config import StationConfig
from stations.server import Listening, StationServer
from tests.facade.counter import REGISTRAR, STAFF, TOWNSHIP, Dice, FakeClock, found_county, signer
from tests.quickkeys import QUICK

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

PASSPHRASE = "correct horse battery"
QUERY = "=&%+;:,-_"
_SERVED = count()
Fields = Mapping[str, str | Sequence[str]]
Files = Mapping[str, tuple[str, bytes]]


@dataclass(frozen=True)
class Page:
    """What came back."""

    status: int
    text: str
    raw: bytes
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code of the error that the page shows; "" for none."""
        found = re.search(r'class="code">[^<]*<code>([a-z_.]+)</code>', self.text)
        return found.group(1) if found else ""

    def field(self, name: str) -> str:
        """Return the first value of a hidden field."""
        found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', self.text)
        assert found, (name, self.text[:400])
        return found.group(1)


@dataclass
class Desk:
    """One browser at a station's pages."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    word: str = ""

    def get(self, path: str, **headers: str) -> Page:
        """Ask for a page; redirects are followed."""
        return self._followed(self._ask("GET", path, b"", dict(headers)))

    def post(self, path: str, fields: Fields | None = None, files: Files | None = None) -> Page:
        """Send a form with this browser's word; redirects are followed."""
        return self._followed(self.send(path, fields, files))

    def send(
        self,
        path: str,
        fields: Fields | None = None,
        files: Files | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send a form with this browser's word; the answer as it comes."""
        pairs = [("form", self.word)]
        for name, value in (fields or {}).items():
            pairs += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        if files is None:
            body, kind = urlencode(pairs).encode(), "application/x-www-form-urlencoded"
        else:
            body, kind = _multipart(pairs, files)
        return self._ask("POST", path, body, {"Content-Type": kind, **(headers or {})})

    def call(self, path: str, body: object) -> Page:
        """Send JSON with this browser's word, as a program does."""
        headers = {"Content-Type": "application/json", "X-Banjian-Form": self.word}
        return self._ask("POST", path, json.dumps(body).encode(), headers)

    def sign_in(self, staff_no: str) -> None:
        """Unlock somebody's key."""
        self.word = self.get("/sign-in").field("form")
        answer = self.send("/sign-in", {"staff_no": staff_no, "passphrase": PASSPHRASE, "next": "/"})
        assert answer.status == 303, answer.text
        self.word = self.get("/pin").field("form")

    def _followed(self, answer: Page) -> Page:
        for _ in range(4):
            if answer.status != 303:
                return answer
            answer = self._ask("GET", answer.headers["Location"], b"", {})
        return answer

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Page:
        asked = urlsplit(path)
        target = quote(asked.path) + (f"?{quote(asked.query, safe=QUERY)}" if asked.query else "")
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, target, body=body, headers={"Cookie": cookie, **headers})
        response = connection.getresponse()
        raw = response.read()
        for line in response.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        kind = response.headers.get_content_type()
        text = raw.decode() if kind.startswith("text/") else ""
        return Page(status=response.status, text=text, raw=raw, headers=dict(response.headers))


@dataclass
class Counter:
    """A station that serves."""

    folder: Path
    clock: Clock
    port: int

    def desk(self, staff_no: str) -> Desk:
        """Return a browser in which somebody has signed in."""
        desk = Desk(self.port)
        desk.sign_in(staff_no)
        return desk

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Read the ledger beside the server."""
        with Ledger.open(self.folder, clock=self.clock, randomness=Dice("beside"), write=False) as opened:
            yield opened


def window(browser: Browser, desk: Desk) -> BrowserContext:
    """Return a window of a real browser with the cookies of another one: the same person has signed in."""
    base = f"http://127.0.0.1:{desk.port}"
    context = browser.new_context(locale="zh-CN", base_url=base)
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in desk.cookies.items()])
    return context


@contextmanager
def serving(
    folder: Path, *, clock: Clock | None = None, config: StationConfig | None = None, port: int = 0
) -> Iterator[Counter]:
    """Serve the pages of an installation; without a clock a county is founded in the folder first."""
    if clock is None:
        made = clock = FakeClock()
        found_county(folder, made)
        keys(folder)
    loop, stop, started = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    listening: list[Listening] = []

    def note(one: Listening) -> None:
        listening.append(one)
        started.set()

    server = StationServer(
        Home(folder),
        config=replace(config or StationConfig(), web=f"127.0.0.1:{port}"),
        clock=clock,
        # A station that starts again draws other words than before.
        randomness=Dice(f"office {folder} {next(_SERVED)}"),
        started=note,
        keeps_in_step=False,
    )
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.run(stop)))
    thread.start()
    try:
        assert started.wait(30)
        bound = urlsplit(listening[0].pages).port
        assert bound is not None
        yield Counter(folder=folder, clock=clock, port=bound)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()


NEW_VILLAGE = StationId("990121001009-00")


def found_with_new_village(folder: Path) -> FakeClock:
    """Found a county with a village that has no log yet, in which a clerk of another one works as well."""
    clock = FakeClock()
    found_county(folder, clock)
    keys(folder)
    with Ledger.open(folder, clock=clock, randomness=Dice("new"), write=True) as ledger:
        enrolled = registry_actions.enrol_station(
            station=NEW_VILLAGE, name="新村", level="village", upstream=TOWNSHIP, code_system="statistics"
        )
        ledger.register("enrol_station", enrolled, REGISTRAR)
        role = registry_actions.grant_role(staff_no="V2", role="window", scope=NEW_VILLAGE)
        ledger.register("grant_role", role, REGISTRAR)
    return clock


def keys(folder: Path) -> None:
    """Put an envelope of each person of the county into ``keys/``."""
    for staff_no in STAFF:
        envelope = seal_key(
            hashlib.sha256(staff_no.encode()).digest(),
            PASSPHRASE,
            salt=bytes(16),
            nonce=bytes(12),
            label=staff_no,
            params=QUICK,
        )
        assert signer(staff_no).public_key
        (folder / "keys" / f"{staff_no}.key").write_bytes(envelope)


def _multipart(pairs: Sequence[tuple[str, str]], files: Files) -> tuple[bytes, str]:
    edge = "----banjian-test-edge"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in pairs
    ]
    for name, (filename, raw) in files.items():
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts.append(head.encode() + raw + b"\r\n")
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
