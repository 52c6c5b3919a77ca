"""Attachments of an act: brought in chunks with progress, or whole by a form; sent to who may see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from hashlib import sha256
from urllib.parse import quote

from aiohttp import web

from ledger.errors import BanjianError, InputError, StoreError
from ledger.facade import Ledger
from ledger.facade.cases.attachednames import attachments_in, is_erased
from ledger.limits import ATTACHMENTS_MAX
from ledger.types import CaseId
from stations.kept.attachments import Attachment, kind_of
from stations.web.answers import status_of
from stations.web.cases.attached import attachments_at
from stations.web.cases.casepage import case_of
from stations.web.jobs import Job, jobs_of
from stations.web.render import message_of
from stations.web.scope import Scope
from stations.web.visit import Visit, first, form_of, posted, see_other
from sync.attachforms import CHUNK_BYTES

PROGRESS_S = 0.3
"""How often a job that fetches looks how far it is."""
FILES, GIVEN = "files", "attach"
"""Fields of a form: files that come whole, hashes of what was uploaded before."""
_ALONE = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; sandbox",
    "Cache-Control": "no-store",
}


async def begin(visit: Visit) -> web.Response:
    """Begin an upload, or go on with one: answers which chunks are missing."""
    form = await form_of(visit)
    store, person = attachments_at(visit), visit.person
    size = first(form, "size")

    def work() -> Attachment:
        known = first(form, "upload")
        if known:
            try:
                return store.upload(known, by=person.staff_no)
            except InputError:
                # Thrown away meanwhile, or somebody else's: it begins anew.
                pass
        if not size.isascii() or not size.isdecimal() or len(size) > 12:
            raise InputError("web.number", field="size", value=size[:20])
        return store.begin(first(form, "file"), int(size), by=person.staff_no, at_ms=visit.now_ms())

    return await _answer(visit, work)


async def put(visit: Visit) -> web.Response:
    """Keep one chunk."""
    raw = await visit.request.read()
    store, person = attachments_at(visit), visit.person
    name, index = visit.request.match_info["upload"], visit.request.match_info["index"]

    def work() -> Attachment:
        upload = store.upload(name, by=person.staff_no)
        if not index.isascii() or not index.isdecimal() or len(index) > 6:
            raise InputError("attach.chunk", index=index[:10], file=upload.file)
        store.put(upload, int(index), raw)
        return upload

    return await _answer(visit, work, light=True)


async def finish(visit: Visit) -> web.Response:
    """Finish an upload: answers its hash."""
    store, person, name = attachments_at(visit), visit.person, visit.request.match_info["upload"]
    return await _answer(visit, lambda: store.finish(store.upload(name, by=person.staff_no)))


async def show(visit: Visit) -> web.StreamResponse:
    """Send an attachment of a case: a picture to be looked at, anything else to be kept."""
    case_id, wanted = case_of(visit), visit.request.match_info["hash"]

    store, aside = attachments_at(visit), visit.office.access.aside
    await visit.read(lambda ledger: _named(visit, ledger, case_id, wanted))
    try:
        held = await aside(lambda: store.find(wanted))
    except StoreError:
        await _note_damaged(visit, wanted)
        raise
    if held is None:
        await _note_damaged(visit, wanted)
        raise InputError("attach.not_here")
    chunks = store.read(held)
    try:
        head = await aside(lambda: next(chunks))
    except StoreError:
        await _note_damaged(visit, wanted)
        raise
    picture = kind_of(head)
    way = "inline" if picture else "attachment"
    response = web.StreamResponse(
        headers={
            **_ALONE,
            "Content-Type": picture or "application/octet-stream",
            "Content-Disposition": f"{way}; filename*=UTF-8''{quote(held.file)}",
            "Content-Length": str(held.size),
            "X-Content-Type-Options": "nosniff",
        }
    )
    await response.prepare(visit.request)
    part: bytes | None = head
    while part is not None:
        await response.write(part)
        try:
            part = await aside(lambda: next(chunks, None))
        except StoreError:
            # Too late to say so here: the page of what is safe does. The line is cut, or the browser would
            # wait for the rest and take a page of errors for part of the file.
            await _note_damaged(visit, wanted)
            if visit.request.transport is not None:
                visit.request.transport.close()
            return response
    await response.write_eof()
    return response


async def _note_damaged(visit: Visit, wanted: str) -> None:
    await visit.office.network.carriage.damaged(bytes.fromhex(wanted))


async def of_form(visit: Visit, form: dict[str, list[str]]) -> tuple[Attachment, ...]:
    """Return the attachments of a form; files that came whole are kept, and named in the form from now on.

    Raises:
        InputError: ``attach.unknown``, ``attach.many``; what ``Attachments.take`` refuses.
    """
    sent = [
        value
        for value in (await posted(visit.request)).getall(FILES, [])
        if isinstance(value, web.FileField) and value.filename
    ]
    store, person, now_ms = attachments_at(visit), visit.person, visit.now_ms()
    given = list(dict.fromkeys(form.get(GIVEN, ())))
    if len(given) + len(sent) > ATTACHMENTS_MAX:
        raise InputError("attach.many", most=ATTACHMENTS_MAX)

    def work() -> tuple[Attachment, ...]:
        found = []
        for content_hash in given:
            known = store.find(content_hash)
            if known is None or known.by != person.staff_no:
                raise InputError("attach.unknown")
            found.append(known)
        for one in sent:
            name = one.filename.replace("\\", "/").rpartition("/")[2]
            found.append(store.take(name, one.file.read(), by=person.staff_no, at_ms=now_ms))
        return tuple(found)

    attachments = await visit.office.access.aside(work)
    form[GIVEN] = [one.hash for one in attachments]
    return attachments


async def content_digest(visit: Visit, attachment: Attachment) -> str:
    """Return the SHA-256 of an attached file in hexadecimal digits: whoever has the file can check it."""
    store = attachments_at(visit)

    def work() -> str:
        whole = sha256()
        for raw in store.read(attachment):
            whole.update(raw)
        return whole.hexdigest()

    return await visit.office.access.aside(work)


async def carried(visit: Visit, attachments: Sequence[tuple[bytes, int]]) -> None:
    """Let the attachments of a signed act go to the station above, behind the acts."""
    if attachments:
        await visit.office.network.carriage.brought([content for content, _ in attachments])


async def fetch(visit: Visit) -> web.Response:
    """Fetch an attachment that lies elsewhere from the station above, with progress."""
    case_id, wanted = case_of(visit), visit.request.match_info["hash"]
    content, size = await visit.read(lambda ledger: _named(visit, ledger, case_id, wanted))
    carriage = visit.office.network.carriage

    async def steps(job: Job) -> AsyncGenerator[None, None]:
        async def told(done: int, total: int) -> None:
            job.done, job.total = done, total

        task = asyncio.create_task(carriage.fetch(case_id, content, told))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=PROGRESS_S)
                yield
            await task
        finally:
            task.cancel()

    job = jobs_of(visit).start(
        visit,
        visit.say("web.attach_fetching"),
        back=f"/case/{case_id.hex()}",
        total=-(-size // CHUNK_BYTES),
        steps=steps,
        about=f"attachment {wanted}",
    )
    return see_other(f"/job/{job.name}")


def _named(visit: Visit, ledger: Ledger, case_id: CaseId, wanted: str) -> tuple[bytes, int]:
    """Return hash and length of an attachment of a case that the person may see.

    Raises:
        InputError: ``attach.not_here`` when no act of the case names it, or the case was erased.
    """
    state, _ = ledger.state(case_id)
    Scope(ledger.knowledge.registry, visit.person).require(state)
    for pairs in () if is_erased(state) else attachments_in(state).values():
        for content, size in pairs:
            if content.hex() == wanted:
                return content, size
    raise InputError("attach.not_here")


async def given_again(visit: Visit, form: Mapping[str, Sequence[str]]) -> list[Attachment]:
    """Return what a form that is shown again has brought already; what is gone is left out."""
    store, staff_no = attachments_at(visit), visit.person.staff_no
    hashes = list(dict.fromkeys(form.get(GIVEN, ())))

    def work() -> list[Attachment]:
        found = (store.find(one) for one in hashes)
        return [one for one in found if one is not None and one.by == staff_no]

    return await visit.office.access.aside(work) if hashes else []


async def _answer(visit: Visit, work: Callable[[], Attachment], *, light: bool = False) -> web.Response:
    """Answer a script: what is known of the upload, or what was wrong in words."""
    store = attachments_at(visit)

    def both() -> tuple[Attachment, list[int]]:
        upload = work()
        return upload, [] if light or upload.hash else store.missing(upload)

    try:
        upload, missing = await visit.office.access.aside(both)
    except BanjianError as error:
        message = message_of(visit.say, error)
        return web.json_response(
            {"told": f"{message.what} {message.next_step}", "code": message.code}, status=status_of(error)
        )
    return web.json_response(
        {
            "upload": upload.name,
            "missing": missing,
            "chunk": CHUNK_BYTES,
            "hash": upload.hash,
            "file": upload.file,
            "size": upload.size,
        }
    )
