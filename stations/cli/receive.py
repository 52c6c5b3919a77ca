"""``banjian receive``: take in an application and print the slip."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ledger.errors import ConfigError, InputError, StoreError
from ledger.facade import Command, Ledger, Performed
from ledger.identity import check_applicant
from ledger.rules.item import Item
from stations.cli.call import Call
from stations.cli.done import show_done
from stations.cli.fields import ActionCommand, name_materials, number_params, option_params, read_facts
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import signing_key
from stations.cli.personal import personal_params, read_personal
from stations.cli.session import Desk, desk, station_for
from stations.cli.types import MomentType, claimed_ms
from stations.papers.slip import render_slip, slip_of
from stations.texts import Say


def receive_spec(command: ActionCommand, say: Say) -> Spec:
    """Return the command ``receive`` with the fields that the case types ask for."""
    fields = option_params(command, say, without=("item",))
    used = {param.name for param in fields}
    params = [Param(name="ITEM", required=True), *fields]
    params += [
        replace(param, required=param.name == "name")
        for param in personal_params(opening=True)
        if param.name not in used
    ]
    params += [
        Param(name="at", type=MomentType(), rare=True),
        *number_params(command),
        Param(name="out"),
        Param(name="no-slip", flag=True),
    ]

    def run(call: Call, *, item: str, out: str | None, no_slip: bool, **values: object) -> int:
        return receive(call, command, item, values, out=Path(out) if out else None, slip=not no_slip)

    return Spec(path=("receive",), run=run, params=params, signs=True, group="counter")


def receive(
    call: Call,
    command: ActionCommand,
    item: str,
    values: Mapping[str, object],
    *,
    out: Path | None,
    slip: bool,
) -> int:
    """Receive an application: find the item, sign, and print the slip."""
    signer = signing_key(call)
    now_ms = call.app.clock.now_ms()
    with _reserved(out), desk(call) as at:
        ledger = at.ledger
        wanted = find_item(ledger, item)
        station = station_for(call, ledger, signer.key_id)
        facts = read_facts(command, values, now_ms=now_ms, item=wanted)
        facts["item"] = wanted.base_code
        name_materials(facts, wanted)
        done = at.perform(
            Command(
                action=command.code,
                station=station,
                facts=facts,
                personal=check_applicant(read_personal(values)),
                occurred_at_ms=claimed_ms(values.get("at"), now_ms),
                same_number=bool(values.get("same_number")),
            ),
            signer,
        )
        note = _signed_head(call, at, done) if slip else ""
        page = show_done(call, ledger, done, action=command.code, actor=signer.key_id, station=station)
        if slip:
            text = render_slip(
                slip_of(ledger, call.say, page, token=done.token, note=note),
                call.say,
                width=call.config().slip_width,
            )
            _print_slip(call, text, out)
    return 0


def _signed_head(call: Call, at: Desk, done: Performed) -> str:
    """Return the signed head for the slip; "" where that fails: the receipt is safe all the same."""
    try:
        return at.checkpoint(done.log_id)
    except StoreError as error:
        reason = call.say.message(error.code, error.params).what.rstrip("。.")
        call.notice("receive.head_unsigned", {"reason": reason})
        return ""


def find_item(ledger: Ledger, text: str) -> Item:
    """Return the item that a code, a name or a part of a name means.

    Raises:
        InputError: ``receive.item_unknown``, or ``receive.item_several`` with the choices.
    """
    catalogue = ledger.knowledge.catalogue
    items = catalogue.items(catalogue.size)
    wanted = unicodedata.normalize("NFKC", text).strip()
    if wanted in items:
        return items[wanted]
    names = {code: (_plain(item.name.zh), _plain(item.name.en)) for code, item in items.items()}
    plain = _plain(wanted)
    found = [items[code] for code, pair in names.items() if plain in pair] or [
        items[code] for code, (zh, en) in names.items() if plain in zh or plain in en
    ]
    if not found or not wanted:
        raise InputError("receive.item_unknown", text=text[:60])
    if len(found) > 1:
        choices = tuple(f"{item.base_code} {item.name.zh}" for item in found[:8])
        raise InputError("receive.item_several", text=text[:60], choices=choices)
    return found[0]


@contextmanager
def _reserved(out: Path | None) -> Iterator[None]:
    """Make the slip's file before anything is signed: a confirmed receipt must not lose its slip and token.

    Raises:
        ConfigError: ``cli.file_exists``.
    """
    if out is None:
        yield
        return
    try:
        with out.open("xb"):
            pass
    except FileExistsError as error:
        raise ConfigError("cli.file_exists", path=str(out)) from error
    try:
        yield
    finally:
        if out.stat().st_size == 0:
            out.unlink()


def _plain(name: str) -> str:
    """Return a name for comparing: width, capitals and spaces at the ends do not count."""
    return unicodedata.normalize("NFKC", name).strip().lower()


def _print_slip(call: Call, text: str, out: Path | None) -> None:
    if out is not None:
        out.write_text(text, encoding="utf-8")
        call.line(call.say("slip.written", file=out))
    else:
        call.line()
        call.line(text)
