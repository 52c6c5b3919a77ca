"""``banjian join reject`` at the county, ``banjian join status`` at the station that asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ledger.errors import BanjianError, ConfigError, StoreError
from ledger.facade import Home
from ledger.platform import write_durably
from stations.cli.call import Call
from stations.cli.joincells import key_cells, key_object, office_of, settled_object
from stations.cli.keyring import signing_key
from stations.cli.session import reading
from stations.office.joindesk import choose_one
from sync.joining.approval import key_states
from sync.joining.joinforms import decode_request
from sync.joining.newcomer import REQUEST_NAME
from sync.joining.rejection import Rejection, decode_rejection

WAITING, APPROVED = "pending", "approved"


def reject(call: Call, *, request: str, reason: str, answer_out: str | None) -> int:
    """At the county: refuse a request for good, with a reason that the asking station is shown."""
    registrar = signing_key(call)
    with reading(call) as ledger:
        office = office_of(call, ledger)
        waiting = choose_one(office.waiting(), request)
        states = key_states(ledger.knowledge.registry, waiting.request)
        raw = office.reject(waiting, registrar, reason=reason)
    refusal = decode_rejection(raw)
    call.line(call.say("join.rejected", station=refusal.station, reason=refusal.reason))
    call.emit(settled_object(waiting.name, refusal.station, refusal.rejected_at_ms, refusal))
    if any(state.enrolled for state in states):
        call.hint("join.rejected_enrolled", station=refusal.station)
    if answer_out is not None:
        write_durably(Path(answer_out), raw)
        call.hint("join.rejected_next", file=Path(answer_out).name)
    call.hint("join.rejected_served", station=refusal.station)
    return 0


def status(call: Call) -> int:
    """Tell whether the keys that this station asked for are enrolled, still wait, or were refused and why."""
    home = call.home()
    raw = kept_request(home)
    if raw is None:
        call.line(call.say("join.status_none"))
        call.emit({"state": APPROVED, "keys": []})
        return 0
    asked = decode_request(raw)
    with reading(call, whole=False) as ledger:
        states = key_states(ledger.knowledge.registry, asked)
    done = all(state.enrolled for state in states)
    unheard = None if done else _ask(raw)
    if done:
        # The names in it are of no more use.
        (home.path / REQUEST_NAME).unlink(missing_ok=True)
    for state in states:
        call.line("  ".join(key_cells(call, state)).rstrip())
    call.emit(
        {
            "station": asked.invite.station,
            "state": APPROVED if done else WAITING,
            "keys": [key_object("", asked.invite.station, state) for state in states],
            "unheard": "" if unheard is None else unheard.code,
        }
    )
    if done:
        call.line(call.say("join.status_approved"))
    else:
        _tell_waiting(call, unheard)
    return 0


def refused(home: Home, raw: bytes) -> Rejection | None:
    """Return the refusal of this station's request, when that is what the county's answer is.

    Raises:
        DataError: ``join.signature`` for one that its signer did not sign.
    """
    try:
        found = decode_rejection(raw)
    except BanjianError as error:
        if error.code == "join.signature":
            raise
        return None
    asked = kept_request(home)
    mine = asked is not None and decode_request(asked).request_id == found.request_id
    if not mine:
        raise ConfigError("join.not_begun", path=str(home.path))
    return found


def kept_request(home: Home) -> bytes | None:
    """Return the request of this station, as long as its keys are not known to be enrolled."""
    for folder in (home.path, home.path / "joining", home.path.with_name(home.path.name + ".part")):
        path = folder / REQUEST_NAME
        if path.exists():
            return path.read_bytes()
    return None


def _ask(raw: bytes) -> StoreError | None:
    """Send the request once more: the answer says whether it was refused.

    Raises:
        AuthorityError: ``join.rejected`` and whatever else the county refuses.
    """
    if not decode_request(raw).invite.addresses:
        return StoreError("join.no_address")
    from sync.line.client_join import join_online

    try:
        asyncio.run(join_online(raw))
    except StoreError as error:
        return error
    return None


def _tell_waiting(call: Call, unheard: StoreError | None) -> None:
    call.line(call.say("join.status_waiting"))
    if unheard is not None:
        call.line(call.say("join.status_unheard", reason=call.say.message(unheard.code, unheard.params).what))
    call.hint("join.status_next")
