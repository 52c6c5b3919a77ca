"""The first day of a county, or of a training ledger: names, passphrases, and where the root keys go."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from ledger.errors import BanjianError, ConfigError, InputError
from ledger.facade import Home
from ledger.facade.opened.setup import CountyPlan
from ledger.formats.genesis import LedgerGenesis, decode_ledger_genesis
from stations.office.enrolling import checked_number
from stations.office.founding import REGISTRAR_NO, DraftKey, check_division, draft_key, found_county
from stations.office.inviting import spaced
from stations.office.newkeys import SUFFIX
from stations.office.rootkeys import FOLDER, ROOTS, are_unkept, confirm_kept, envelope_of, mark_unkept
from stations.office.training import found_training
from stations.web.firstday.join import require_not_begun
from stations.web.firstday.shared import (
    FIRST,
    FirstDay,
    go_on,
    made_aside,
    new_name,
    new_passphrase,
    page_of,
    require_none,
    typed,
)
from stations.web.office.desk import download


def add_routes(router: web.UrlDispatcher) -> None:
    """Add the pages of founding."""
    router.add_get("/county", _show)
    router.add_post("/county", _found)
    router.add_get("/county/keys", _keys)
    router.add_get("/county/keys/{name}", _key_file)
    router.add_post("/county/go", _go)
    router.add_get("/practise", _show_training)
    router.add_post("/practise", _found_training)


async def _show(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    require_none(first)
    return page_of(first, "first_county.html", given={}, roots=ROOTS, registrar_no=REGISTRAR_NO)


async def _found(request: web.Request) -> web.StreamResponse:
    """Found the county; everything that was typed is looked at before anything is made."""
    first, form = request.app[FIRST], await typed(request)
    try:
        require_none(first)
        require_not_begun(first.home)
        plan = _plan(form)
        passphrases = {label: new_passphrase(form, label) for label in ("registrar", *ROOTS)}
        await made_aside(first, lambda: _make(first, plan, passphrases))
    except BanjianError as error:
        return page_of(
            first,
            "first_county.html",
            error=error,
            given=form,
            roots=ROOTS,
            registrar_no=REGISTRAR_NO,
        )
    return web.Response(status=303, headers={"Location": "/county/keys"})


def _make(first: FirstDay, plan: CountyPlan, passphrases: dict[str, str]) -> None:
    require_none(first)
    home = first.home

    def key(label: str, folder: str, no: str) -> DraftKey:
        return draft_key(
            home.path / folder / f"{no}{SUFFIX}",
            label=no,
            passphrase=passphrases[label],
            randomness=first.randomness,
        )

    def unkept(folder: Path) -> None:
        mark_unkept(Home(folder))

    found_county(
        home,
        plan,
        roots=[key(label, FOLDER, label) for label in ROOTS],
        registrar=key("registrar", home.keys_dir.name, plan.registrar_no),
        clock=first.clock,
        randomness=first.randomness,
        finish=unkept,
    )


def _plan(form: dict[str, str]) -> CountyPlan:
    """Return what the founders decided.

    Raises:
        ConfigError: ``county.code``.
        InputError: ``first.name``; ``staff.number``.
    """
    check_division(form.get("code", ""))
    return CountyPlan(
        name=new_name(form, "name", whose="county"),
        division_code=form["code"],
        purpose="office",
        registrar_no=checked_number(form.get("registrar_no", "") or REGISTRAR_NO),
        registrar_name=new_name(form, "registrar_name", whose="registrar"),
    )


async def _keys(request: web.Request) -> web.StreamResponse:
    """Show the ledger number for paper and the root keys to be taken away."""
    return _keys_page(request.app[FIRST], None)


def _keys_page(first: FirstDay, error: BanjianError | None) -> web.Response:
    genesis = _founded(first)
    return page_of(
        first,
        "first_keys.html",
        error=error,
        ledger_id=spaced(genesis.ledger_id()),
        roots=ROOTS,
        taken=first.taken,
    )


def _founded(first: FirstDay) -> LedgerGenesis:
    """Return what was founded here, whose root keys nobody has confirmed to keep.

    Raises:
        ConfigError: ``home.missing``.
    """
    raw = first.home.ledger_genesis()
    if raw is None or not are_unkept(first.home):
        raise ConfigError("home.missing", path=str(first.home.path))
    return decode_ledger_genesis(raw)


async def _key_file(request: web.Request) -> web.StreamResponse:
    """Return the sealed root key of one keeper."""
    first, name = request.app[FIRST], request.match_info["name"]
    _founded(first)
    envelope = envelope_of(first.home, name)
    if envelope is None:
        raise InputError("web.no_page", path=name[:40])
    first.taken.add(name)
    return download(f"{name}{SUFFIX}", envelope)


async def _go(request: web.Request) -> web.StreamResponse:
    """Go on to signing in once somebody says that the root keys are kept; they stay here too, or go."""
    first, form = request.app[FIRST], await typed(request)
    _founded(first)
    if not form.get("kept"):
        return _keys_page(first, InputError("first.roots_kept"))
    remove = bool(form.get("remove"))
    missing = [name for name in ROOTS if name not in first.taken]
    if remove and missing:
        return _keys_page(first, InputError("first.roots_left", names=tuple(missing)))
    await made_aside(first, lambda: confirm_kept(first.home, remove=remove))
    return go_on(first, "/sign-in")


async def _show_training(request: web.Request) -> web.StreamResponse:
    first = request.app[FIRST]
    require_none(first)
    return page_of(first, "first_training.html", given={})


async def _found_training(request: web.Request) -> web.StreamResponse:
    first, form = request.app[FIRST], await typed(request)
    try:
        require_none(first)
        require_not_begun(first.home)
        name, passphrase = new_name(form, "name"), new_passphrase(form)

        def make() -> None:
            require_none(first)
            found_training(
                first.home, name=name, passphrase=passphrase, clock=first.clock, randomness=first.randomness
            )

        await made_aside(first, make)
    except BanjianError as error:
        return page_of(first, "first_training.html", error=error, given=form)
    return go_on(first, "/sign-in?next=/training")
