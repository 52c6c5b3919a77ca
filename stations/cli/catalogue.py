"""``banjian catalogue``: items and case types: list, show, check, publish."""

from __future__ import annotations

from pathlib import Path

from ledger.calendars import calendar_set
from ledger.data import shipped_case_types, shipped_items
from ledger.days.calendar import CalendarSet
from ledger.errors import ConfigError
from ledger.facade import Ledger
from ledger.known.knowledge import PUBLISH_CALENDAR, PUBLISH_CASE_TYPES, PUBLISH_ITEMS
from ledger.lint.calendar import lint_published
from ledger.rules.casetype import CaseType
from ledger.rules.catalogue import Catalogue
from ledger.rules.item import Item
from ledger.types import Facts
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.importspecs import CATALOGUE_SPECS
from stations.cli.keyring import signing_key
from stations.cli.receive import find_item
from stations.cli.session import desk, reading
from stations.office.publishing import publications_in, read_object
from stations.unreadable import unreadable
from stations.words.casenames import basis_name


def show_all(call: Call, *, text: str | None) -> int:
    """List the items."""
    with reading(call) as ledger:
        catalogue = ledger.knowledge.catalogue
        rows = []
        for code, item in catalogue.items(catalogue.size).items():
            if (
                text
                and text not in item.name.zh
                and text.lower() not in item.name.en.lower()
                and text not in code
            ):
                continue
            rows.append(
                (
                    code,
                    call.say.pick(item.name),
                    basis_name(call.say, item.legal_basis),
                    _levels(call, item.receive_levels),
                    call.say(f"level.{item.decide_level}"),
                    _days(item.promised_days),
                    _days(item.legal_days),
                )
            )
            call.emit(
                {
                    "code": code,
                    "zh": item.name.zh,
                    "en": item.name.en,
                    "case_type": item.case_type,
                    "legal_basis": item.legal_basis,
                    "receive_levels": sorted(item.receive_levels),
                    "decide_level": item.decide_level,
                }
            )
        names = ("code", "item", "basis", "receive_at", "decide_at", "promised", "legal")
        call.table([call.say(f"head.{name}") for name in names], rows)
    return 0


def show(call: Call, *, item: str) -> int:
    """Show one item: who receives and decides, which papers, which limits."""
    with reading(call) as ledger:
        found = find_item(ledger, item)
        rules = ledger.knowledge.rules(found.base_code, ledger.knowledge.catalogue.size)
        call.emit(_item_object(found))
        call.line(f"{found.base_code}  {found.name.zh}  {found.name.en}")
        for key, words in (
            ("basis", basis_name(call.say, found.legal_basis)),
            ("case_type", call.say.pick(rules.case_type.name)),
            ("receive_at", _levels(call, found.receive_levels)),
            ("decide_at", call.say(f"level.{found.decide_level}")),
            ("promised", _days(found.promised_days)),
            ("legal", _days(found.legal_days)),
        ):
            call.line(f"  {call.say(f'head.{key}')}：{words}")
        for level, capacity in sorted(found.receipt_capacity.items()):
            call.line(f"  {call.say(f'level.{level}')}：{call.say(f'capacity.{capacity}')}")
        call.line()
        rows = [
            (code, call.say.pick(paper.name), call.say(f"source.{paper.source}"),
             _yes(call, paper.deferrable), _yes(call, paper.promise))
            for code, paper in found.materials.items()
        ]  # fmt: skip
        names = ("material", "name", "source", "deferrable", "promise")
        call.table([call.say(f"head.{name}") for name in names], rows)
        if found.proofs:
            _show_proofs(call, found)
    return 0


def _show_proofs(call: Call, item: Item) -> None:
    """Print the village proofs that may be issued, then those that are refused and where to go instead."""
    call.line()
    rows = [
        (code, call.say.pick(proof.name), _yes(call, proof.allowed), call.say.pick(proof.go_to))
        for code, proof in sorted(item.proofs.items(), key=lambda pair: not pair[1].allowed)
    ]
    call.table([call.say(f"head.{name}") for name in ("proof", "name", "proof_issued", "go_to")], rows)


def lint(call: Call, *, file: str | None) -> int:
    """Check items or case types as they would be checked at publication; without a file those that ship."""
    catalogue, calendars = Catalogue(), calendar_set()
    publications, faults = _publications(file), 0
    if file is not None and call.directory is not None:
        with reading(call) as ledger:
            catalogue, calendars = ledger.knowledge.catalogue.copy(), ledger.knowledge.calendars
    for action, facts in publications:
        faults += tell_faults(call, catalogue, calendars, action, facts)
        catalogue.apply(action, facts, position=catalogue.size + 1)
    if faults:
        call.emit({"ok": False, "faults": faults})
        return 1
    call.line(call.say("catalogue.sound"))
    call.emit({"ok": True, "publications": [action for action, _ in publications]})
    return 0


def tell_faults(call: Call, catalogue: Catalogue, calendars: CalendarSet, action: str, facts: Facts) -> int:
    """Tell every fault of a publication by its place; returns how many there are."""
    faults = lint_published(catalogue, calendars, action, facts)
    for fault in faults:
        call.notice(fault.code, {"where": fault.where, "field": fault.field, "value": fault.value})
    return len(faults)


def publish(call: Call, *, file: str) -> int:
    """Publish items or case types."""
    signer = signing_key(call)
    with desk(call) as at:
        for action, facts in _publications(file):
            if action == PUBLISH_CALENDAR:
                raise ConfigError("catalogue.file", path=file)
            knowledge = at.ledger.knowledge
            # All of them are told; the first alone is named by the refusal.
            tell_faults(call, knowledge.catalogue, knowledge.calendars, action, facts)
            done = at.publish(action, facts, signer)
            call.line(call.say("catalogue.published", version=done.seq))
            call.emit({"action": action, "version": done.seq, "act_id": done.act_id.hex()})
    return 0


def _publications(file: str | None) -> list[tuple[str, Facts]]:
    if file is None:
        return [
            (PUBLISH_CASE_TYPES, {"case_types": list(shipped_case_types())}),
            (PUBLISH_ITEMS, {"items": list(shipped_items())}),
        ]
    return publications_in(read_json(file), path=file)


def read_json(file: str, *, code: str = "catalogue.file") -> Facts:
    """Return the object in a JSON file; ``code`` says what the file should have been.

    Raises:
        ConfigError: ``cli.file``, ``cli.file_none``, or the code for a file that holds no object.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(file, error) from error
    except UnicodeDecodeError as error:
        raise ConfigError(code, path=file) from error
    return read_object(text, code=code, path=file)


def case_types(call: Call, *, code: str | None) -> int:
    """List case types, or the actions of one: from which state, by whom, with which second person."""
    with reading(call) as ledger:
        known = _case_types(ledger)
        if code is None:
            rows = [(name, call.say.pick(kind.name), str(len(kind.actions))) for name, kind in known.items()]
            call.table([call.say(f"head.{name}") for name in ("code", "name", "actions")], rows)
            for name, kind in known.items():
                call.emit(
                    {"code": name, "zh": kind.name.zh, "en": kind.name.en, "actions": list(kind.actions)}
                )
            return 0
        if code not in known:
            raise ConfigError("cli.choice", option="CODE", value=code, choices=tuple(known))
        chosen = known[code]
        shown = []
        for name, spec in chosen.actions.items():
            states = [
                call.say.pick(chosen.states[state])
                for state in sorted(spec.from_states)
                if state in chosen.states
            ]
            roles = [call.say(f"role.{role}") for role in sorted(spec.by)]
            shown.append(
                (
                    name.replace("_", "-"),
                    call.say.pick(spec.name),
                    call.say("list.and").join(states),
                    call.say("list.and").join(roles),
                    call.say(f"role.{spec.second}") if spec.second else "",
                )
            )
            call.emit(
                {
                    "action": name,
                    "from": sorted(spec.from_states),
                    "by": sorted(spec.by),
                    "second": spec.second,
                }
            )
        call.table(
            [call.say(f"head.{name}") for name in ("command", "action", "from", "by", "second")], shown
        )
    return 0


def _case_types(ledger: Ledger) -> dict[str, CaseType]:
    catalogue = ledger.knowledge.catalogue
    return dict(catalogue.case_types(catalogue.size))


def _levels(call: Call, levels: frozenset[str]) -> str:
    return call.say("list.and").join(call.say(f"level.{level}") for level in sorted(levels))


def _days(days: int | None) -> str:
    return "—" if days is None else str(days)


def _yes(call: Call, value: bool) -> str:
    return call.say("may.yes") if value else ""


def _item_object(item: Item) -> dict[str, object]:
    return {
        "code": item.base_code,
        "zh": item.name.zh,
        "en": item.name.en,
        "legal_basis": item.legal_basis,
        "case_type": item.case_type,
        "receive_levels": sorted(item.receive_levels),
        "accept_levels": sorted(item.accept_levels),
        "decide_level": item.decide_level,
        "receipt_capacity": dict(item.receipt_capacity),
        "promised_days": item.promised_days,
        "legal_days": item.legal_days,
        "unit": item.unit,
        "materials": [
            {"code": code, "zh": paper.name.zh, "en": paper.name.en, "deferrable": paper.deferrable}
            for code, paper in item.materials.items()
        ],
        "proofs": [
            {"code": code, "zh": proof.name.zh, "en": proof.name.en, "allowed": proof.allowed,
             "go_to": proof.go_to.zh}
            for code, proof in item.proofs.items()
        ],
    }  # fmt: skip


_FILE = Param(name="FILE")

SPECS = (
    Spec(path=("catalogue", "list"), run=show_all, params=(Param(name="TEXT"),), group="setup"),
    Spec(path=("catalogue", "show"), run=show, params=(Param(name="ITEM", required=True),), group="setup"),
    Spec(path=("catalogue", "types"), run=case_types, params=(Param(name="CODE"),), group="setup"),
    Spec(path=("catalogue", "lint"), run=lint, params=(_FILE,), group="setup"),
    Spec(
        path=("catalogue", "publish"),
        run=publish,
        params=(Param(name="FILE", required=True),),
        signs=True,
        group="setup",
    ),
    *CATALOGUE_SPECS,
)
