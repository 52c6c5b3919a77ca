"""``banjian staff``: enrol people and their keys, grant and end roles, retire a key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.facade import Ledger
from ledger.registry.schema import GRANTABLE_ROLES, RETIREMENT_REASONS
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import new_key, signing_key, unlock
from stations.cli.resetting import STAFF_SPECS
from stations.cli.session import desk, reading
from stations.cli.types import OneOf, Several, StaffType, StationType
from stations.office.enrolling import (
    EnrolledKey,
    NewPerson,
    checked_number,
    enrol,
    key_of_request,
    key_of_signer,
    namesakes,
    only_if_enrolled,
)
from stations.office.enrolling import end as end_role
from stations.office.enrolling import grant as give
from stations.office.enrolling import retire as retire_key
from stations.office.newkeys import is_unenrolled
from stations.unreadable import unreadable


def add(
    call: Call,
    *,
    no: str,
    name: str,
    at: str,
    role: Sequence[str],
    scope: str | None,
    request: str | None,
) -> int:
    """Enrol a member of staff, make the key here unless a request brings one, and grant the roles."""
    checked_number(no)
    registrar = signing_key(call)
    person = NewPerson(no=no, name=name, station=StationId(at), roles=role, scope=scope or at)
    with desk(call) as office:
        others = namesakes(office.ledger.knowledge.registry, person)
        key, made = _enrolled_key(call, office.ledger, no, request)
        with only_if_enrolled(made):
            enrol(office.ledger.knowledge.registry, office.register, registrar, person, key)
        roles = [call.say(f"role.{granted}") for granted in role]
        call.line(
            call.say("staff.added", no=no, name=name, roles=call.say("list.and").join(roles), at=scope or at)
        )
        if others:
            call.notice("staff.same_name", {"no": no, "name": name, "others": others})
        call.emit(
            {
                "staff_no": no,
                "station": at,
                "roles": list(role),
                "scope": scope or at,
                "same_name": list(others),
            }
        )
    call.hint("staff.next", no=no)
    return 0


def grant(call: Call, *, no: str, role: str, scope: str, stand_in_for: str | None) -> int:
    """Grant a role."""
    registrar = signing_key(call)
    with desk(call) as office:
        give(
            office.ledger.knowledge.registry, office.register, registrar,
            no=no, role=role, scope=scope, stand_in_for=stand_in_for,
        )  # fmt: skip
        call.line(call.say("staff.granted", no=no, role=call.say(f"role.{role}"), scope=scope))
        call.emit({"staff_no": no, "role": role, "scope": scope})
    return 0


def end(call: Call, *, no: str, role: str, scope: str) -> int:
    """End a role."""
    registrar = signing_key(call)
    with desk(call) as office:
        end_role(office.ledger.knowledge.registry, office.register, registrar, no=no, role=role, scope=scope)
        call.line(call.say("staff.ended", no=no, role=call.say(f"role.{role}"), scope=scope))
        call.emit({"staff_no": no, "role": role, "scope": scope})
    return 0


def retire(call: Call, *, no: str, reason: str) -> int:
    """End a key: retired in good order, or compromised."""
    registrar = signing_key(call)
    with desk(call) as office:
        person = retire_key(office.ledger, office.register, registrar, no=no, reason=reason)
        call.line(call.say("staff.retired", no=no, reason=call.say(f"reason.{reason}")))
        call.emit({"staff_no": no, "key_id": person.key_id.hex(), "reason": reason})
    call.hint("staff.retired_next", no=no)
    return 0


def show_all(call: Call) -> int:
    """List people with live keys and what they may do where."""
    with reading(call) as ledger:
        registry = ledger.knowledge.registry
        rows = []
        for held in registry.keys():  # noqa: SIM118 - a query, not a mapping
            grants = sorted(held.grants)
            shown = [f"{call.say(f'role.{role}')}@{scope}" for role, scope in grants]
            rows.append(
                (
                    held.staff_no or held.purpose,
                    registry.names.get(held.staff_no, ""),
                    call.say(f"kind.{held.kind}"),
                    "  ".join(shown),
                    held.key_id.hex(),
                )
            )
            call.emit(
                {
                    "staff_no": held.staff_no,
                    "name": registry.names.get(held.staff_no, ""),
                    "kind": held.kind,
                    "station": held.station,
                    "grants": [list(pair) for pair in grants],
                    "key_id": held.key_id.hex(),
                }
            )
        call.table(
            [call.say(f"head.{name}") for name in ("staff_no", "person", "kind", "roles", "key_id")], rows
        )
    return 0


def _enrolled_key(
    call: Call, ledger: Ledger, no: str, request: str | None
) -> tuple[EnrolledKey, Path | None]:
    """Return the key to enrol, and its file where that was made for this.

    A command that was killed before it enrolled leaves the file behind: the same key is enrolled then, by
    whoever knows its passphrase.
    """
    ledger_id = ledger.knowledge.registry.ledger_id
    if request is None:
        path = call.home().keys_dir / f"{no}.key"
        if is_unenrolled(path, no, ledger.knowledge.registry):
            return key_of_signer(unlock(call, path), ledger_id), None
        return key_of_signer(new_key(call, no, path), ledger_id), path
    try:
        text = Path(request).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(request, error) from error
    return key_of_request(text, no=no, ledger_id=ledger_id), None


_NO = Param(name="NO", type=StaffType(), required=True)
_ROLES = OneOf(GRANTABLE_ROLES, prefixes=("role",))
_ROLE = Param(name="role", type=_ROLES, required=True)
_SCOPE = Param(name="scope", type=StationType(), required=True)

SPECS = (
    Spec(
        path=("staff", "add"),
        run=add,
        params=(
            Param(name="NO", type=StaffType(new=True), required=True),
            Param(name="name", required=True),
            Param(name="at", type=StationType(), required=True),
            Param(name="role", type=Several(_ROLES), many=True, required=True),
            Param(name="scope", type=StationType()),
            Param(name="request"),
        ),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("staff", "grant"),
        run=grant,
        params=(_NO, _ROLE, _SCOPE, Param(name="stand-in-for", type=StaffType())),
        signs=True,
        group="setup",
    ),
    Spec(path=("staff", "end"), run=end, params=(_NO, _ROLE, _SCOPE), signs=True, group="setup"),
    Spec(
        path=("staff", "retire"),
        run=retire,
        params=(
            _NO,
            Param(name="reason", type=OneOf(RETIREMENT_REASONS, prefixes=("reason",)), required=True),
        ),
        signs=True,
        group="setup",
    ),
    Spec(path=("staff", "list"), run=show_all, group="setup"),
    *STAFF_SPECS,
)
