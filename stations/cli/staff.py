"""``banjian staff``: enrol people and their keys, grant and end roles, retire a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ledger import registry_actions
from ledger.authority import Authority
from ledger.errors import AuthorityError, ConfigError, InputError, RuleError
from ledger.facade import Ledger
from ledger.keys import Signer, prove_possession
from ledger.registry_schema import GRANTABLE_ROLES, RETIREMENT_REASONS
from ledger.types import StationId
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import new_key, signing_key
from stations.cli.session import Desk, desk, reading
from stations.cli.types import OneOf
from stations.keyrequest import decode_request

_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}")


def add(
    call: Call,
    *,
    no: str,
    name: str,
    at: str,
    role: Sequence[str],
    scope: str | None,
    phone: str | None,
    request: str | None,
) -> int:
    """Enrol a member of staff, make the key here unless a request brings one, and grant the roles."""
    if _NUMBER.fullmatch(no) is None:
        raise InputError("staff.number", no=no[:40])
    registrar = signing_key(call)
    personal = registry_actions.staff_personal(name=name, phone=phone or "")
    with desk(call) as office:
        ledger = office.ledger
        public_key, possession = _enrolled_key(call, ledger, no, request)
        facts = registry_actions.enrol_staff(
            staff_no=no, station=StationId(at), alg="ed25519", public_key=public_key, possession=possession
        )
        with _only_if_enrolled(None if request else call.home().keys_dir / f"{no}.key"):
            office.register("enrol_staff", facts, registrar, personal=personal)
        for granted in role:
            _grant(office, registrar, no=no, role=granted, scope=scope or at)
        roles = [call.say(f"role.{granted}") for granted in role]
        call.line(
            call.say("staff.added", no=no, name=name, roles=call.say("list.and").join(roles), at=scope or at)
        )
        call.emit({"staff_no": no, "station": at, "roles": list(role), "scope": scope or at})
    call.hint("staff.next", no=no)
    return 0


def grant(call: Call, *, no: str, role: str, scope: str, stand_in_for: str | None) -> int:
    """Grant a role."""
    registrar = signing_key(call)
    with desk(call) as office:
        _grant(office, registrar, no=no, role=role, scope=scope, stand_in_for=stand_in_for)
        call.line(call.say("staff.granted", no=no, role=call.say(f"role.{role}"), scope=scope))
        call.emit({"staff_no": no, "role": role, "scope": scope})
    return 0


def end(call: Call, *, no: str, role: str, scope: str) -> int:
    """End a role."""
    registrar = signing_key(call)
    with desk(call) as office:
        ledger = office.ledger
        _person(ledger, no)
        facts = registry_actions.end_role(staff_no=no, role=role, scope=scope)
        office.register("end_role", facts, registrar)
        call.line(call.say("staff.ended", no=no, role=call.say(f"role.{role}"), scope=scope))
        call.emit({"staff_no": no, "role": role, "scope": scope})
    return 0


def retire(call: Call, *, no: str, reason: str) -> int:
    """End a key: retired in good order, or compromised."""
    registrar = signing_key(call)
    with desk(call) as office:
        ledger = office.ledger
        person = _person(ledger, no)
        sizes = [(log.log_id, log.size) for log in ledger.logs() if log.size]
        facts = registry_actions.retire_key(key_id=person.key_id, reason=reason, log_sizes=sizes)
        office.register("retire_key", facts, registrar)
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


def _enrolled_key(call: Call, ledger: Ledger, no: str, request: str | None) -> tuple[bytes, bytes]:
    ledger_id = ledger.knowledge.registry.ledger_id
    if request is None:
        signer = new_key(call, no, call.home().keys_dir / f"{no}.key")
        return signer.public_key, prove_possession(signer, ledger_id)
    try:
        text = Path(request).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("cli.file", path=request) from error
    asked = decode_request(text, ledger_id=ledger_id)
    if asked.staff_no != no:
        raise InputError("key.request_other", no=no, found=asked.staff_no)
    return asked.public_key, asked.possession


@contextmanager
def _only_if_enrolled(made: Path | None) -> Iterator[None]:
    """Take away the key that was made for an enrolment which was refused: it would bar the next attempt."""
    try:
        yield
    except (InputError, RuleError, AuthorityError):
        if made is not None:
            made.unlink(missing_ok=True)
        raise


def _grant(
    office: Desk, registrar: Signer, *, no: str, role: str, scope: str, stand_in_for: str | None = None
) -> None:
    _person(office.ledger, no)
    facts = registry_actions.grant_role(staff_no=no, role=role, scope=scope, stand_in_for=stand_in_for)
    office.register("grant_role", facts, registrar)


def _person(ledger: Ledger, no: str) -> Authority:
    registry = ledger.knowledge.registry
    person = registry.staff(no) or registry.registrar(no)
    if person is None:
        raise InputError("staff.unknown", no=no)
    return person


_NO = Param(name="NO", required=True)
_ROLE = Param(name="role", type=OneOf(GRANTABLE_ROLES), required=True)
_SCOPE = Param(name="scope", required=True)

SPECS = (
    Spec(
        path=("staff", "add"),
        run=add,
        params=(
            _NO,
            Param(name="name", required=True),
            Param(name="at", required=True),
            Param(name="role", type=OneOf(GRANTABLE_ROLES), many=True, required=True),
            Param(name="scope"),
            Param(name="phone"),
            Param(name="request"),
        ),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("staff", "grant"),
        run=grant,
        params=(_NO, _ROLE, _SCOPE, Param(name="stand-in-for")),
        signs=True,
        group="setup",
    ),
    Spec(path=("staff", "end"), run=end, params=(_NO, _ROLE, _SCOPE), signs=True, group="setup"),
    Spec(
        path=("staff", "retire"),
        run=retire,
        params=(_NO, Param(name="reason", type=OneOf(RETIREMENT_REASONS), required=True)),
        signs=True,
        group="setup",
    ),
    Spec(path=("staff", "list"), run=show_all, group="setup"),
)
