"""A browser without a window: signs in as people do, sends the forms of pages with their word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import ClientSession, CookieJar, FormData

from tests.web.offices import PASSPHRASE, Office

Fields = Mapping[str, str | Sequence[str]]
Files = Mapping[str, tuple[str, bytes]]
"""Name and bytes of a file by the field that brings it."""
_WORD = re.compile(r'name="form" value="([0-9a-f]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def where(self) -> str:
        """Where the answer sends the browser."""
        return self.headers.get("Location", "")

    @property
    def word(self) -> str:
        """The word of the page's forms."""
        found = _WORD.search(self.text)
        assert found, self.text[:300]
        return found.group(1)

    @property
    def code(self) -> str:
        """The code of the error that the page shows; "" for none."""
        found = re.search(r'class="code">[^<]*<code>([a-z_.]+)</code>', self.text)
        return found.group(1) if found else ""


@dataclass
class Desk:
    """One browser at the pages of an office. Redirects are not followed."""

    office: Office
    session: ClientSession = field(init=False)
    word: str = ""

    async def __aenter__(self) -> Self:
        # Cookies of addresses are kept as a browser keeps them.
        self.session = ClientSession(cookie_jar=CookieJar(unsafe=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Get a page."""
        return await self.send("GET", path, headers=headers)

    async def post(
        self,
        path: str,
        fields: Fields | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        files: Files | None = None,
    ) -> Answer:
        """Send a form with the word of this browser's pages."""
        return await self.send("POST", path, {"form": self.word, **(fields or {})}, headers, files=files)

    async def send(
        self,
        method: str,
        path: str,
        fields: Fields | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        files: Files | None = None,
    ) -> Answer:
        """Send anything."""
        pairs = [
            (name, text)
            for name, given in (fields or {}).items()
            for text in ([given] if isinstance(given, str) else given)
        ]
        data = FormData(pairs, quote_fields=False) if pairs or files else None
        for name, (file, content) in (files or {}).items():
            assert data is not None
            data.add_field(name, content, filename=file)
        async with self.session.request(
            method, self.office.base + path, data=data, headers=headers, allow_redirects=False
        ) as answer:
            raw = await answer.read()
            text = raw.decode("utf-8", "replace")
            return Answer(status=answer.status, text=text, headers=answer.headers, raw=raw)

    async def put(self, path: str, content: bytes) -> Answer:
        """Send bytes with the word of this browser's pages."""
        headers = {"X-Banjian-Form": self.word, "Content-Type": "application/octet-stream"}
        url = self.office.base + path
        async with self.session.put(url, data=content, headers=headers, allow_redirects=False) as answer:
            raw = await answer.read()
            text = raw.decode("utf-8", "replace")
            return Answer(status=answer.status, text=text, headers=answer.headers, raw=raw)

    async def call_api(self, path: str, body: object) -> Answer:
        """Send JSON with the word of this browser's pages."""
        headers = {"X-Banjian-Form": self.word}
        async with self.session.post(self.office.base + path, json=body, headers=headers) as answer:
            raw = await answer.read()
            return Answer(status=answer.status, text=raw.decode("utf-8"), headers=answer.headers, raw=raw)

    async def sign_in(self, staff_no: str, *, pin: str = "", passphrase: str = PASSPHRASE) -> Answer:
        """Give the passphrase, then choose a PIN or none; returns the first page."""
        self.word = (await self.get("/sign-in")).word
        answer = await self.post("/sign-in", {"staff_no": staff_no, "passphrase": passphrase, "next": "/"})
        assert answer.status == 303, (answer.status, answer.code)
        self.word = (await self.get("/pin")).word
        chosen = {"pin": pin, "again": pin} if pin else {"without": "1"}
        assert (await self.post("/pin", {**chosen, "next": "/"})).status == 303
        page = await self.get("/")
        assert page.status == 200
        return page

    async def receive(self, item: str, name: str, **more: str | Sequence[str]) -> Answer:
        """Receive an application; returns the answer to the form."""
        page = await self.get(f"/receive/{item}")
        once = page.text.partition('name="once" value="')[2].partition('"')[0]
        return await self.post(f"/receive/{item}", {"once": once, "applicant.name": name, **more})

    async def receive_form(self, item: str, form: Fields) -> Answer:
        """Receive an application by the fields of the form."""
        return await self.post(f"/receive/{item}", form)
