"""``banjian registry``: the ledger's id, its roots and registrars, and acts of two root keys."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import ConfigError, InputError
from ledger.facade.logs.appearances import log_sizes
from ledger.formats.keys import prove_possession
from ledger.registry import actions as registry_actions
from ledger.registry.schema import RETIREMENT_REASONS
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.importspecs import REGISTRY_SPECS
from stations.cli.keyring import new_key, signing_key
from stations.cli.session import desk, reading
from stations.cli.types import OneOf, StaffType, StationType
from stations.keyrequest import decode_request
from stations.office.inviting import spaced
from stations.unreadable import unreadable


def show(call: Call) -> int:
    """Show the ledger id, purpose, sizes, roots, registrars and root acts that wait for a second key."""
    with reading(call, whole=False) as ledger:
        registry = ledger.knowledge.registry
        keys = list(registry.keys())
        roots = [held.key_id.hex() for held in keys if held.kind == "root"]
        registrars = [held for held in keys if held.kind == "registrar"]
        call.line(call.say("county.ledger_id", number=spaced(ledger.ledger_id)))
        call.line(
            call.say("registry.sizes", registry=registry.size, catalogue=ledger.knowledge.catalogue.size)
        )
        for root in roots:
            call.line(call.say("registry.root", key=root))
        for held in registrars:
            name = registry.names.get(held.staff_no, "")
            call.line(call.say("registry.registrar", no=held.staff_no, name=name, key=held.key_id.hex()))
        for act in registry.pending():
            call.line(
                call.say(
                    "registry.pending", action=call.say.name(f"action.{act.action}"), act=act.act_id.hex()
                )
            )
        call.emit(
            {
                "ledger_id": ledger.ledger_id.hex(),
                "purpose": ledger.genesis.purpose,
                "division_code": ledger.genesis.division_code,
                "registry_size": registry.size,
                "catalogue_size": ledger.knowledge.catalogue.size,
                "roots": roots,
                "registrars": [held.staff_no for held in registrars],
                "pending": [act.act_id.hex() for act in registry.pending()],
            }
        )
    return 0


def log(call: Call) -> int:
    """List every act of the registry log and what became of it."""
    with reading(call, whole=False) as ledger:
        rows = []
        for outcome in ledger.knowledge.registry.outcomes():
            if outcome.refusal is not None:
                effect = call.say.message(outcome.refusal.code, outcome.refusal.params).what
            else:
                effect = call.say("registry.waits") if outcome.pending else call.say("registry.holds")
            name = call.say.name(f"action.{outcome.action}")
            rows.append((str(outcome.position), name, effect, outcome.act_id.hex()[:12]))
            call.emit(
                {
                    "position": outcome.position,
                    "action": outcome.action,
                    "act_id": outcome.act_id.hex(),
                    "effective": outcome.effective,
                    "pending": outcome.pending,
                    "reason": outcome.refusal.code if outcome.refusal is not None else "",
                }
            )
        call.table([call.say(f"head.{name}") for name in ("counted", "action", "effect", "act")], rows)
    return 0


def appoint(call: Call, *, no: str, name: str, scope: str | None, request: str | None) -> int:
    """Appoint a registrar, signed by one root key (``--key``); a second root key countersigns."""
    root = signing_key(call)
    with desk(call) as at:
        ledger = at.ledger
        if request is not None:
            try:
                text = Path(request).read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise unreadable(request, error) from error
            asked = decode_request(text, ledger_id=ledger.ledger_id)
            public_key, possession = asked.public_key, asked.possession
        else:
            signer = new_key(call, no, call.home().keys_dir / f"{no}.key")
            public_key, possession = signer.public_key, prove_possession(signer, ledger.ledger_id)
        station = ledger.knowledge.registry.station_of_log
        facts = registry_actions.appoint_registrar(
            staff_no=no,
            alg="ed25519",
            public_key=public_key,
            possession=possession,
            scope=scope or f"{station}/*",
        )
        personal = registry_actions.staff_personal(name=name)
        done = at.register("appoint_registrar", facts, root, personal=personal)
        call.line(call.say("registry.appointed", no=no, act=done.act_id.hex()))
        call.emit({"staff_no": no, "act_id": done.act_id.hex(), "pending": True})
    call.hint("registry.countersign_next")
    return 0


def dismiss(call: Call, *, no: str, reason: str) -> int:
    """Dismiss a registrar, signed by one root key; a second root key countersigns."""
    root = signing_key(call)
    with desk(call) as at:
        ledger = at.ledger
        held = ledger.knowledge.registry.registrar(no)
        if held is None:
            raise InputError("staff.unknown", no=no)
        with ledger.reading() as (tx, parts):
            sizes = log_sizes(tx, parts.holdings, held.key_id)
        facts = registry_actions.dismiss_registrar(key_id=held.key_id, reason=reason, log_sizes=sizes)
        done = at.register("dismiss_registrar", facts, root)
        call.line(call.say("registry.dismissed", no=no, act=done.act_id.hex()))
        call.emit({"staff_no": no, "act_id": done.act_id.hex(), "pending": True})
    call.hint("registry.countersign_next")
    return 0


def countersign(call: Call, *, act: str | None) -> int:
    """Countersign a root act with another root key; without an id the only one that waits."""
    root = signing_key(call)
    with desk(call) as at:
        ledger = at.ledger
        waiting = ledger.knowledge.registry.pending()
        found = [item for item in waiting if act is None or item.act_id.hex().startswith(act.lower())]
        if not found:
            raise ConfigError("registry.none_waiting")
        if len(found) > 1:
            raise ConfigError("registry.choose", count=len(found))
        facts = registry_actions.countersign(target=found[0].act_id)
        at.register("countersign", facts, root)
        call.line(call.say("registry.countersigned", act=found[0].act_id.hex()[:12]))
        call.emit({"act_id": found[0].act_id.hex(), "effective": True})
    return 0


_NO = Param(name="NO", type=StaffType(), required=True)

SPECS = (
    Spec(path=("registry", "show"), run=show, group="setup"),
    Spec(path=("registry", "log"), run=log, group="setup"),
    Spec(
        path=("registry", "appoint"),
        run=appoint,
        params=(
            Param(name="NO", type=StaffType(new=True), required=True),
            Param(name="name", required=True),
            Param(name="scope", type=StationType()),
            Param(name="request"),
        ),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("registry", "dismiss"),
        run=dismiss,
        params=(
            _NO,
            Param(name="reason", type=OneOf(RETIREMENT_REASONS, prefixes=("reason",)), required=True),
        ),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("registry", "countersign"),
        run=countersign,
        params=(Param(name="ACT"),),
        signs=True,
        group="setup",
    ),
    *REGISTRY_SPECS,
)
