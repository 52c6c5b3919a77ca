"""One's own key on the PC where one works: make one and ask for it to be enrolled, or bring one along.

Nobody is signed in here: a new clerk has no key yet, and who forgot a passphrase cannot use the old one. So
it is for whoever sits at this machine, and it changes nothing but its folder of keys: what a key may do, a
registrar says, who compares its short number by telephone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, InputError
from ledger.facade import Ledger
from ledger.formats.envelope import read_envelope
from ledger.formats.keys import key_id, prove_possession
from ledger.types import KeyId
from stations.keyrequest import KeyRequest, encode_request
from stations.office.enrolling import checked_number
from stations.office.newkeys import SUFFIX, checked_passphrase, make_key
from stations.office.resetting import BROUGHT_BYTES_MAX
from stations.office.resetting import bring as bring_key
from stations.web.answers import status_of
from stations.web.office.desk import Noting, download, new_word, once, require_here, sent_file
from stations.web.render import message_of, render
from stations.web.visit import Visit, first, form_of, open_page, see_other

UNKNOWN_KEYS_MAX = 50
"""Keys made here that no registrar enrolled: nobody fills the folder by pressing a button."""


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of one's own key."""
    router.add_get("/my-key", open_page(show))
    router.add_post("/my-key", open_page(make))
    router.add_post("/my-key/bring", open_page(bring))
    router.add_get("/my-key/{name}/request", open_page(request_file))


async def show(visit: Visit) -> web.Response:
    """Show both ways, and the key that was just made."""
    require_here(visit)
    return await _shown(visit, {}, None)


async def make(visit: Visit) -> web.StreamResponse:
    """Make a key under a new passphrase; its request is then fetched as a file."""
    require_here(visit)
    form = await form_of(visit)

    async def act(noted: Noting) -> str:
        no = checked_number(first(form, "no").strip())
        passphrase = checked_passphrase(first(form, "passphrase"))
        if passphrase != first(form, "again"):
            raise InputError("web.passphrase_differs")
        path = await _free_path(visit, no)
        randomness, number = visit.office.randomness, visit.office.thread.ledger_id
        signer = await visit.office.access.aside(
            lambda: make_key(path, label=no, passphrase=passphrase, randomness=randomness)
        )
        request = KeyRequest(
            staff_no=no,
            ledger_id=number,
            public_key=signer.public_key,
            possession=prove_possession(signer, number),
        )
        path.with_suffix(".request").write_text(encode_request(request), encoding="utf-8")
        return f"/my-key?made={path.stem}"

    try:
        return await once(visit, form, act, back="/my-key")
    except BanjianError as error:
        return await _shown(visit, form, error)


async def bring(visit: Visit) -> web.StreamResponse:
    """Take a sealed key that was made elsewhere, alone or with the grant that it rests on."""
    require_here(visit)
    try:
        sent = await sent_file(visit, "key_file", limit=BROUGHT_BYTES_MAX)
        brought = await visit.read(lambda ledger: bring_key(ledger, visit.office.home, sent.raw))
    except BanjianError as error:
        return await _shown(visit, {}, error)
    visit.tell("web.key_brought", no=brought.staff_no)
    return see_other("/sign-in")


async def request_file(visit: Visit) -> web.Response:
    """Return the request of a key that was made here.

    Raises:
        InputError: ``web.no_page``.
    """
    require_here(visit)
    name = visit.request.match_info["name"]
    path = _request_path(visit, name)
    if path is None:
        raise InputError("web.no_page", path=name[:40])
    return download(f"{name}.request", path.read_bytes(), kind="text/plain")


def _request_path(visit: Visit, name: str) -> Path | None:
    folder = visit.office.home.keys_dir
    return next((path for path in folder.glob("*.request") if path.stem == name), None)


async def _free_path(visit: Visit, no: str) -> Path:
    """Return a path for a further envelope of somebody; none is ever overwritten.

    Raises:
        InputError: ``web.keys_many``.
    """
    folder = visit.office.home.keys_dir

    def unknown(ledger: Ledger) -> int:
        registry = ledger.knowledge.registry
        return sum(not registry.is_known_key(key) for key in _keys_in(folder))

    if await visit.read(unknown) >= UNKNOWN_KEYS_MAX:
        raise InputError("web.keys_many", limit=UNKNOWN_KEYS_MAX)
    numbers = (f"{no}{SUFFIX}", *(f"{no}-{count}{SUFFIX}" for count in range(2, 1000)))
    return folder / next((name for name in numbers if not (folder / name).exists()), numbers[-1])


def _keys_in(folder: Path) -> list[KeyId]:
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            header = read_envelope(path.read_bytes())
        except (OSError, BanjianError):
            continue
        found.append(key_id(header.alg, header.public_key))
    return found


async def _shown(visit: Visit, form: Mapping[str, list[str]], error: BanjianError | None) -> web.Response:
    made = visit.request.query.get("made", "")
    number = ""
    if made and _request_path(visit, made) is not None:
        header = read_envelope((visit.office.home.keys_dir / f"{made}{SUFFIX}").read_bytes())
        number = key_id(header.alg, header.public_key).hex()
    response = await render(
        visit,
        "mykey.html",
        made=made if number else "",
        number=number,
        no=first(form, "no"),
        message=error and message_of(visit.say, error),
        once=new_word(visit),
    )
    response.set_status(200 if error is None else status_of(error))
    return response
