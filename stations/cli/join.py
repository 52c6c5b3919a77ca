"""``banjian join``: become a station of a county, online or by stick; at the county, take and approve."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ledger.errors import AuthorityError, BanjianError, ConfigError, InputError
from ledger.facade import Home
from ledger.formats.envelope import read_envelope
from ledger.formats.invite import Invite, decode_invite
from ledger.formats.keys import key_id, prove_possession
from ledger.platform import write_durably
from ledger.types import LedgerId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.joincells import (
    chosen,
    is_one_by_number,
    key_cells,
    key_object,
    office_of,
    settled_object,
    waiting_cells,
    waiting_object,
)
from stations.cli.joinsettle import refused, reject, status
from stations.cli.keyring import new_key, signing_key
from stations.cli.keys import read_ledger_id
from stations.cli.session import desk, reading
from stations.config import write_config
from stations.office.inviting import first_roles, spaced
from stations.office.joindesk import ENDED, SHORT, approve_waiting
from stations.unreadable import unreadable
from stations.words.moments import show_moment
from sync.joining.approval import KeyState, key_states
from sync.joining.joinforms import StaffKey, decode_answer
from sync.joining.joinoffice import Waiting
from sync.joining.newcomer import Joining, begin, resume
from sync.joining.newcomer import finish as put_in_place
from sync.joining.rejection import Rejection

FILE_BYTES_MAX = 64 * 1024


def start(
    call: Call,
    *,
    invite: str,
    dir_: str,
    ledger_id: str | None,
    yes: bool,
    staff: Sequence[str],
    request_out: str | None,
) -> int:
    """Join with an invite: compare the ledger, make keys, ask the county; or write the request to a stick."""
    raw = _read(invite)
    told = decode_invite(raw)
    call.line(call.say("join.invited", county=told.county_name, station=told.station, name=told.station_name))
    call.line(call.say("county.ledger_id", number=spaced(told.ledger_id)))
    _confirm(told, ledger_id, yes=yes)
    people = [_person(text) for text in staff]

    def make_staff(folder: Home, number: LedgerId) -> tuple[StaffKey, ...]:
        return tuple(_staff_key(call, folder, number, told, no, name) for no, name in people)

    joining = begin(Home(Path(dir_).absolute()), raw, make_staff=make_staff, randomness=call.app.randomness)
    if request_out is not None:
        write_durably(Path(request_out), joining.raw)
        call.line(call.say("join.request_made", file=request_out))
        call.emit({"station": told.station, "request": request_out, "joined": False})
        call.hint("join.request_next", file=Path(request_out).name, dir=dir_)
        return 0
    if not told.addresses:
        raise ConfigError("join.no_address")
    # aiohttp takes a tenth of a second to import: only who calls pays for it.
    from sync.line.client_join import join_online

    return _complete(call, joining, asyncio.run(join_online(joining.raw)))


def finish(call: Call, *, answer: str, dir_: str) -> int:
    """Take the county's answer that came on a stick."""
    home, raw = Home(Path(dir_).absolute()), _read(answer)
    refusal = refused(home, raw)
    if refusal is not None:
        raise refusal.as_error()
    return _complete(call, resume(home), raw, by_stick=True)


def take(call: Call, *, request: str, answer_out: str) -> int:
    """At the county: check a request that came on a stick and write the answer."""
    raw = _read(request)
    # As the writer, where no server is: one that was put back learns that it was before it gives anything.
    with desk(call) as at:
        answer = office_of(call, at.ledger).take(raw)
    write_durably(Path(answer_out), answer)
    station = decode_answer(answer).station
    call.line(call.say("join.taken", station=station, file=answer_out))
    call.emit({"station": station, "answer": answer_out})
    call.hint("join.taken_next", file=Path(answer_out).name)
    return 0


def show_all(call: Call) -> int:
    """List the requests whose keys wait for a registrar, and those that were approved or refused."""
    with reading(call) as ledger:
        rows, settled, office = [], [], office_of(call, ledger)
        for waiting in office.waiting():
            named = waiting.name[:SHORT], waiting.request.invite.station
            for state in key_states(ledger.knowledge.registry, waiting.request):
                rows.append((*named, *waiting_cells(call, waiting, state)))
                call.emit(waiting_object(waiting, state))
        for one in office.settled():
            at_ms = one.used_at_ms if one.rejection is None else one.rejection.rejected_at_ms
            settled.append((one.name[:SHORT], one.station, _settled(call, one.rejection, at_ms)))
            call.emit(settled_object(one.name, one.station, at_ms, one.rejection))
    heads = ("request", "station", "key", "person", "roles", "key_id", "state")
    if rows or not settled:
        call.table([call.say(f"head.{name}") for name in heads], rows)
    if settled:
        call.table([call.say(f"head.{name}") for name in ("request", "station", "state")], settled)
    if rows:
        call.hint("join.list_next")
    return 0


def approve_keys(call: Call, *, request: str | None, all_: bool, anyway: bool) -> int:
    """Enrol the keys of requests: the registrar's acts.

    What waits from before the station's certificates were ended is told and passed over, unless it alone is
    named by its number and vouched for.
    """
    registrar = signing_key(call)
    lacking = False
    with desk(call) as at:
        office = office_of(call, at.ledger)
        meant = chosen(office.waiting(), request, every=all_)
        anyway = anyway and is_one_by_number(meant, request)
        for waiting in meant:
            try:
                states = approve_waiting(
                    at.ledger, office, waiting, registrar, register=at.register, anyway=anyway
                )
            except ConfigError as error:
                if error.code != ENDED:
                    raise
                call.notice(error.code, error.params)
                lacking = True
                continue
            _tell_states(call, waiting, states)
            lacking = lacking or not all(state.enrolled for state in states)
    return 1 if lacking else 0


def _tell_states(call: Call, waiting: Waiting, states: Sequence[KeyState]) -> None:
    for state in states:
        call.line("  ".join((waiting.request.invite.station, *key_cells(call, state))).rstrip())
        call.emit(key_object(waiting.name, waiting.request.invite.station, state))
        if state.error is not None:
            call.notice(state.error.code, state.error.params)


def _complete(call: Call, joining: Joining, answer: bytes, *, by_stick: bool = False) -> int:
    invite = joining.invite

    def complete(folder: Path) -> None:
        write_config(folder, station=invite.station, upstream=invite.addresses)

    put_in_place(joining, answer, randomness=call.app.randomness, complete=complete)
    folder = joining.home.path
    key = "join.again" if joining.again else "join.done"
    call.line(call.say(key, station=invite.station, name=invite.station_name, dir=folder))
    call.emit(
        {
            "station": invite.station,
            "dir": str(folder),
            "ledger_id": invite.ledger_id.hex(),
            "joined": True,
            "again": joining.again,
        }
    )
    for no, name in _beside_older(joining):
        call.hint("join.second_key", staff_no=no, name=name)
    call.hint("join.next_stick" if by_stick else "join.next", dir=folder, station=invite.station)
    return 0


def _beside_older(joining: Joining) -> Iterator[tuple[str, str]]:
    """Yield who got a new key beside an older one in this folder, and the name by which it is asked for."""
    numbers = {key.key_id: key.staff_no for key in joining.request.staff}
    for path in sorted(joining.home.keys_dir.glob("*.key")):
        with suppress(BanjianError, OSError):
            header = read_envelope(path.read_bytes())
            no = numbers.get(key_id(header.alg, header.public_key))
            if no is not None and path.stem != no:
                yield no, path.stem


def _confirm(told: Invite, ledger_id: str | None, *, yes: bool) -> None:
    """Refuse to go on before the ledger id was compared with the one on paper."""
    if ledger_id is not None:
        if read_ledger_id(ledger_id) != told.ledger_id:
            raise AuthorityError("join.ledger_id", found=spaced(told.ledger_id))
    elif not yes:
        raise ConfigError("join.confirm", county=told.county_name, number=spaced(told.ledger_id))


def _person(text: str) -> tuple[str, str]:
    no, separator, name = text.partition("=")
    if not separator or not no.strip() or not name.strip():
        raise InputError("join.staff", value=text[:60])
    return no.strip(), name.strip()


def _staff_key(call: Call, folder: Home, number: LedgerId, told: Invite, no: str, name: str) -> StaffKey:
    signer = new_key(call, no, folder.keys_dir / f"{no}.key")
    return StaffKey(
        staff_no=no,
        name=name,
        public_key=signer.public_key,
        possession=prove_possession(signer, number),
        roles=first_roles(told),
    )


def _settled(call: Call, rejection: Rejection | None, at_ms: int) -> str:
    when = show_moment(at_ms)
    if rejection is None:
        return call.say("join.settled", when=when)
    return call.say("join.refused", when=when, staff_no=rejection.staff_no, reason=rejection.reason)


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(FILE_BYTES_MAX)
    except OSError as error:
        raise unreadable(path, error) from error


_DIR = Param(name="DIR", required=True)

SPECS = (
    Spec(
        path=("join", "start"),
        run=start,
        params=(
            Param(name="INVITE", required=True),
            _DIR,
            Param(name="ledger-id"),
            Param(name="yes", flag=True),
            Param(name="staff", many=True),
            Param(name="request-out"),
        ),
        needs_home=False,
        group="setup",
        fallback=True,
    ),
    Spec(
        path=("join", "finish"),
        run=finish,
        params=(Param(name="ANSWER", required=True), _DIR),
        needs_home=False,
        group="setup",
    ),
    Spec(
        path=("join", "take"),
        run=take,
        params=(Param(name="REQUEST", required=True), Param(name="answer-out", required=True)),
        group="setup",
    ),
    Spec(path=("join", "list"), run=show_all, group="setup"),
    Spec(
        path=("join", "approve"),
        run=approve_keys,
        params=(Param(name="REQUEST"), Param(name="all", flag=True), Param(name="anyway", flag=True)),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("join", "reject"),
        run=reject,
        params=(
            Param(name="REQUEST", required=True),
            Param(name="reason", required=True),
            Param(name="answer-out"),
        ),
        signs=True,
        group="setup",
    ),
    Spec(path=("join", "status"), run=status, group="setup"),
)
