"""A county's desk for tests of its pages: a real server in a thread, a browser without a screen.

Keys open quickly, since they protect nothing.
"""

from __future__ import annotations

import asyncio
import html
import http.cookiejar
import os
import re
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from ledger.facade import Home, Ledger
from ledger.facade.base.clock import SystemClock
from ledger.facade.opened.setup import CountyPlan
from ledger.formats.envelope import open_key, seal_key
from ledger.formats.keys import Ed25519Signer
from ledger.types import StationId
from stations.config import load_config
from stations.office.enrolling import NewPerson, enrol, key_of_signer
from stations.office.founding import DraftKey, found_county
from stations.office.inviting import station_facts
from stations.office.newkeys import store_envelope
from stations.server import Listening, StationServer
from tests.quickkeys import QUICK

PASSPHRASE = "correct horse battery"
COUNTY, TOWNSHIP, VILLAGE = "990121000000-00", "990121001000-00", "990121001201-00"


def quick_key(path: Path, label: str) -> DraftKey:
    """Make a key that opens quickly."""
    seed = os.urandom(32)
    blob = seal_key(seed, PASSPHRASE, salt=os.urandom(16), nonce=os.urandom(12), label=label, params=QUICK)
    return DraftKey(path=path, blob=blob, signer=Ed25519Signer.from_seed(seed))


def found(folder: Path, *, purpose: str = "office", village: bool = True) -> Home:
    """Return a county with a township and a village, a clerk at the village, a head at the county.

    It is founded once a process; every other one is a copy.

    Args:
        folder: where it lies.
        purpose: ``office`` or ``training``.
        village: whether the village's log is written here as well.
    """
    shutil.copytree(_founded(purpose, village), folder)
    return Home(folder.absolute())


_FOUNDED = TemporaryDirectory(prefix="banjian-admin-")


@cache
def _founded(purpose: str, village: bool) -> Path:
    """Found such a county once a process."""
    home = Home(Path(mkdtemp(dir=_FOUNDED.name), "county"))
    registrar = quick_key(home.keys_dir / "R001.key", "R001")
    found_county(
        home,
        CountyPlan(
            name="溪山县政务服务中心",
            division_code="990121",
            purpose="training" if purpose == "training" else "office",
            registrar_no="R001",
            registrar_name="李登记",
        ),
        roots=[quick_key(home.path / "roots" / f"root-{n}.key", f"root-{n}") for n in (1, 2, 3)],
        registrar=registrar,
        clock=SystemClock(),
        randomness=os.urandom,
    )
    with Ledger.open(home, write=True) as ledger:
        for station, name, level, above in (
            (TOWNSHIP, "城关镇便民服务中心", "township", COUNTY),
            (VILLAGE, "东门村便民服务站", "village", TOWNSHIP),
        ):
            facts = station_facts(
                ledger.knowledge.registry, StationId(station), name=name, level=level, upstream=above
            )
            ledger.register("enrol_station", facts, registrar.signer)
        if village:
            ledger.open_station_log(StationId(VILLAGE), registrar.signer)
        for no, name, station, role in (
            ("V001", "赵东门", VILLAGE, "window"),
            ("H001", "郑负责", COUNTY, "head"),
        ):
            key = quick_key(home.keys_dir / f"{no}.key", no)
            store_envelope(key.path, key.blob)
            enrol(
                ledger.knowledge.registry,
                ledger.register,
                registrar.signer,
                NewPerson(no=no, name=name, station=StationId(station), roles=(role,)),
                key_of_signer(key.signer, ledger.ledger_id),
            )
    return home.path


class Serving:
    """A station's server in a thread of its own."""

    def __init__(self, home: Home, *, listen: str = "") -> None:
        self.home = home
        self._listen = listen
        self.network = ""
        self.address = ""
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    def __enter__(self) -> Serving:
        self._thread.start()
        assert self._up.wait(30) and self.address
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None and self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _main(self) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        config = replace(load_config(self.home.path), web="127.0.0.1:0", listen=self._listen)
        server = StationServer(
            self.home,
            config=config,
            clock=SystemClock(),
            randomness=os.urandom,
            started=self._started,
            keeps_in_step=False,
        )
        await server.run(self._stop)

    def _started(self, at: Listening) -> None:
        self.address = at.pages.rstrip("/")
        self.network = at.network
        self._up.set()


@dataclass
class Answer:
    """What a page said."""

    status: int
    url: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The page."""
        return self.body.decode("utf-8")

    @property
    def code(self) -> str:
        """The code of the error that it shows; "" for none."""
        found = re.search(r"<code>([a-z_]+\.[a-z_0-9]+)</code>", self.text)
        return found.group(1) if found else ""

    @property
    def path(self) -> str:
        """The path where the browser ended."""
        return urllib.parse.urlsplit(self.url).path


@dataclass
class Visitor:
    """A browser: cookies, redirects, forms as the page gave them."""

    base: str
    opener: urllib.request.OpenerDirector = field(init=False)

    def __post_init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def get(self, path: str) -> Answer:
        """Open a page."""
        return self._open(urllib.request.Request(self.base + path))

    def post(
        self,
        path: str,
        fields: Mapping[str, str | Sequence[str]],
        *,
        files: Sequence[tuple[str, str, bytes]] = (),
        page: str = "",
    ) -> Answer:
        """Send a form; its hidden words are taken from the page that shows it.

        Args:
            path: where it goes.
            fields: what is typed.
            files: field, name and bytes of each.
            page: the page with the form; the path itself by default.
        """
        shown = self.get(page or path).text
        hidden = dict(re.findall(r'<input type="hidden" name="(form)" value="([^"]*)"', shown))
        form = re.search(rf'<form[^>]*action="{re.escape(path)}"[^>]*>(.*?)</form>', shown, re.DOTALL)
        if form is not None:
            hidden |= dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.group(1)))
        pairs = [(name, html.unescape(value)) for name, value in hidden.items() if name not in fields]
        for name, value in fields.items():
            pairs += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return self.send(path, pairs, files)

    def send(
        self,
        path: str,
        pairs: Sequence[tuple[str, str]],
        files: Sequence[tuple[str, str, bytes]] = (),
    ) -> Answer:
        """Send exactly these fields."""
        if not files:
            body = urllib.parse.urlencode(pairs).encode()
            return self._open(urllib.request.Request(self.base + path, data=body))
        mark = uuid.uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in pairs
        ]
        parts += [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'.encode()
            + b"Content-Type: application/octet-stream\r\n\r\n"
            + content
            + b"\r\n"
            for name, file, content in files
        ]
        request = urllib.request.Request(self.base + path, data=b"".join(parts) + f"--{mark}--\r\n".encode())
        request.add_header("Content-Type", f"multipart/form-data; boundary={mark}")
        return self._open(request)

    def sign_in(self, no: str, passphrase: str = PASSPHRASE) -> Answer:
        """Sign in."""
        return self.post("/sign-in", {"staff_no": no, "passphrase": passphrase, "next": "/"})

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with self.opener.open(request, timeout=60) as answer:
                return Answer(answer.status, answer.url, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.url or "", error.read(), error.headers)


def signer_of(home: Home, no: str) -> Ed25519Signer:
    """Return the key of somebody, to act without a page."""
    return Ed25519Signer.from_seed(open_key((home.keys_dir / f"{no}.key").read_bytes(), PASSPHRASE).seed)
