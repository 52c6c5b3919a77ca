"""``banjian staff reset``, ``grants``, ``confirm`` and ``banjian key bring``: a forgotten passphrase."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import StoreError
from ledger.facade.opened.granted import grant_beside, list_grants
from ledger.platform import write_durably
from ledger.registry.grant import REASONS
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import new_key, signing_key
from stations.cli.session import desk, reading, station_for
from stations.cli.types import OneOf, StaffType, WholeNumber
from stations.office.enrolling import checked_number, key_of_signer, only_if_enrolled
from stations.office.resetting import (
    BROUGHT_SUFFIX,
    DAYS_MAX,
    bring,
    confirm,
    free_envelope,
    give_key,
    grant_of,
    pack_brought,
    put_in_place,
)
from stations.unreadable import unreadable
from stations.words.moments import show_moment

HEADINGS = ("staff_no", "person", "station", "granted_by", "given_at", "until", "grant_state", "key_id")


def reset(call: Call, *, no: str, reason: str | None, days: int | None, out: str | None) -> int:
    """Give somebody a new key under a new passphrase, good until a registrar confirms it; also offline."""
    checked_number(no)
    grantor = signing_key(call)
    folder = call.home().keys_dir
    with desk(call) as office:
        station = station_for(call, office.ledger, grantor.key_id)
        made = free_envelope(folder, no)
        signer = new_key(call, no, made)
        with only_if_enrolled(made):
            give_key(
                office.give_grant, grantor, station=station, no=no, reason=reason or REASONS[0],
                key=key_of_signer(signer, office.ledger.ledger_id), days=DAYS_MAX if days is None else days,
            )  # fmt: skip
        path = put_in_place(folder, no, made)
        call.app.signers.pop(made.absolute(), None)
        call.app.signers[path.absolute()] = signer
        grant = grant_beside(office.ledger, signer.key_id)
        if grant is None:
            raise StoreError("home.unreadable", path=str(folder), detail="")
        carried = Path(out) if out else folder / f"{no}{BROUGHT_SUFFIX}"
        write_durably(carried, pack_brought(path.read_bytes(), grant), private=True)
        until = show_moment(grant.until_ms)
        call.line(call.say("staff.reset", no=no, key=signer.key_id.hex(), until=until))
        call.emit(
            {
                "staff_no": no,
                "key_id": signer.key_id.hex(),
                "grant": grant.grant_id.hex(),
                "until_ms": grant.until_ms,
                "file": str(carried),
            }
        )
    call.hint("staff.reset_next", no=no, file=carried)
    return 0


def grants(call: Call) -> int:
    """List the grants in the logs that are held here, and what has become of each."""
    with reading(call) as ledger:
        names = ledger.knowledge.registry.names
        rows = []
        for one in list_grants(ledger):
            grant = one.grant
            state = call.say(f"grant_state.{one.state}")
            rows.append(
                (
                    grant.staff_no,
                    names.get(grant.staff_no, ""),
                    str(grant.station),
                    names.get(one.grantor_no, one.grantor_no),
                    show_moment(one.recorded_at_ms),
                    show_moment(grant.until_ms),
                    f"{state} [{one.reason}]" if one.reason else state,
                    grant.key_id.hex(),
                )
            )
            call.emit(
                {
                    "staff_no": grant.staff_no,
                    "station": grant.station,
                    "granted_by": one.grantor_no,
                    "recorded_at_ms": one.recorded_at_ms,
                    "until_ms": grant.until_ms,
                    "reason": grant.reason,
                    "state": one.state,
                    "why": one.reason,
                    "key_id": grant.key_id.hex(),
                    "grant": grant.grant_id.hex(),
                }
            )
        call.table([call.say(f"head.{name}") for name in HEADINGS], rows)
    return 0


def confirm_one(call: Call, *, no: str) -> int:
    """Make the newest grant of a person last: the old key is retired, the new one enrolled."""
    registrar = signing_key(call)
    with desk(call) as office:
        given = grant_of(office.ledger, no)
        old = confirm(office.ledger, office.register, registrar, given)
        call.line(call.say("staff.confirmed", no=no, key=given.grant.key_id.hex()))
        call.emit({"staff_no": no, "key_id": given.grant.key_id.hex(), "retired": old.hex()})
    return 0


def bring_one(call: Call, *, file: str) -> int:
    """Take a key that was made on another machine, with its grant if it still rests on one."""
    try:
        raw = Path(file).read_bytes()
    except OSError as error:
        raise unreadable(file, error) from error
    with reading(call) as ledger:
        brought = bring(ledger, call.home(), raw)
        call.app.signers.pop(brought.path.absolute(), None)
        call.line(call.say("key.brought", no=brought.staff_no, file=brought.path))
        if brought.grant is not None:
            call.line(call.say("key.brought_until", until=show_moment(brought.grant.until_ms)))
        call.emit({"staff_no": brought.staff_no, "file": str(brought.path)})
    return 0


_NO = Param(name="NO", type=StaffType(), required=True)

STAFF_SPECS = (
    Spec(
        path=("staff", "reset"),
        run=reset,
        params=(
            _NO,
            Param(name="reason", type=OneOf(REASONS, prefixes=("reason",))),
            Param(name="days", type=WholeNumber(least=1)),
            Param(name="out"),
        ),
        signs=True,
        group="setup",
    ),
    Spec(path=("staff", "grants"), run=grants, group="setup"),
    Spec(path=("staff", "confirm"), run=confirm_one, params=(_NO,), signs=True, group="setup"),
)
KEY_SPECS = (
    Spec(path=("key", "bring"), run=bring_one, params=(Param(name="FILE", required=True),), group="setup"),
)
