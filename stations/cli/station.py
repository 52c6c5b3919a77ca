"""``banjian station``: enrol stations, open the log of one kept in this folder, list them."""

from __future__ import annotations

from ledger.facade import Ledger
from ledger.registry import actions as registry_actions
from ledger.registry.station import CODE_SYSTEM, LEVELS
from ledger.types import Facts, StationId
from stations.checkup.clockdoubt import clock_doubt
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.cli.joincells import office_of
from stations.cli.keyring import signing_key
from stations.cli.session import desk, reading
from stations.cli.types import OneOf, StationType
from stations.office.closing import require_empty
from stations.office.inviting import read_station, station_facts
from stations.office.lostmachine import end_machine


def add(
    call: Call,
    *,
    station: str,
    name: str,
    level: str,
    upstream: str | None,
    code_system: str | None,
    open_: bool,
) -> int:
    """Enrol a station; with ``--open`` its log is opened in this folder at once.

    Broken off between the two, the same command goes on with the opening.
    """
    number = read_station(station)
    signer = signing_key(call)
    with desk(call) as at:
        facts = station_facts(
            at.ledger.knowledge.registry,
            number,
            name=name,
            level=level,
            upstream=upstream,
            code_system=code_system or CODE_SYSTEM,
        )
        answer: dict[str, object] = {"station": number, "name": name, "level": level}
        if not (open_ and _waits_for_its_log(at.ledger, number, facts)):
            done = at.register("enrol_station", facts, signer)
            call.line(call.say("station.added", station=number, name=name))
            answer["act_id"] = done.act_id.hex()
        if open_:
            log_id = at.open_log("station", number, signer)
            call.line(call.say("station.opened", station=number, log=log_id.hex()))
            answer["log_id"] = log_id.hex()
        call.emit(answer)
    call.hint("station.next_staff" if open_ else "station.next_open", station=number)
    return 0


def _waits_for_its_log(ledger: Ledger, station: StationId, facts: Facts) -> bool:
    """Tell whether a station is enrolled just so and nobody has opened a log for it yet.

    A closed one must be enrolled again first, whatever it was called.
    """
    known = ledger.knowledge.registry.station(station)
    if known is None or not known.is_open:
        return False
    if any(log.kind == "station" and log.station == station for log in ledger.logs()):
        return False
    return (known.name, known.level, known.upstream) == (facts["name"], facts["level"], facts["upstream"])


def open_log(call: Call, *, station: str) -> int:
    """Open the log of a station in this folder."""
    number = read_station(station)
    signer = signing_key(call)
    with desk(call) as at:
        log_id = at.open_log("station", number, signer)
        call.line(call.say("station.opened", station=number, log=log_id.hex()))
        call.emit({"station": number, "log_id": log_id.hex()})
    call.hint("station.next_staff", station=number)
    return 0


def close(call: Call, *, station: str, anyway: bool) -> int:
    """Close a station in the registry; its history stays. One that holds open cases only ``--anyway``."""
    number = read_station(station)
    signer = signing_key(call)
    with desk(call) as at:
        if not anyway:
            require_empty(at.ledger, number)
        facts = registry_actions.close_station(station=number)
        done = at.register("close_station", facts, signer)
        call.line(call.say("station.closed", station=number))
        call.emit({"station": number, "act_id": done.act_id.hex()})
    return 0


def end_certificates(call: Call, *, station: str, anyway: bool) -> int:
    """End every certificate that a station was given so far, and its machine's keys: it was lost."""
    number = read_station(station)
    signer = signing_key(call)
    with desk(call) as at:
        office = office_of(call, at.ledger)
        is_clock_right = anyway or clock_doubt(at.ledger, call.app.clock.now_ms()) is None
        done = end_machine(
            at.ledger, at.register, signer, number, office=office, is_clock_right=is_clock_right
        )
        call.line(call.say("station.ended", station=number))
        purposes = [call.say(f"join.service.{purpose}") for purpose in done.purposes]
        if purposes:
            call.line(call.say("station.ended_keys", purposes=call.say("list.and").join(purposes)))
        call.emit(
            {
                "station": number,
                "before_ms": done.before_ms,
                "act_id": done.act_id.hex(),
                "keys_ended": list(done.purposes),
            }
        )
        waiting = sum(one.is_ended and one.request.invite.station == number for one in office.waiting())
        below = [one.station for one in at.ledger.knowledge.registry.stations() if one.upstream == number]
    if waiting:
        call.hint("station.ended_waiting", count=waiting)
    call.hint("station.next_invite", station=number)
    if below:
        call.hint("station.next_below", station=number, count=len(below))
    return 0


def show_all(call: Call) -> int:
    """List the stations, and which of them keep their log here."""
    with reading(call) as ledger:
        own: dict[str, list[str]] = {}
        for log in ledger.logs():
            if log.own and log.kind == "station":
                own.setdefault(log.station, []).append(
                    call.say.name(log.doubt) if log.doubt else str(log.size)
                )
        rows = []
        for item in ledger.knowledge.registry.stations():
            kept = own.get(item.station, [])
            rows.append(
                (item.station, item.name, call.say(f"level.{item.level}"), item.upstream, " ".join(kept))
            )
            call.emit(
                {
                    "station": item.station,
                    "name": item.name,
                    "level": item.level,
                    "upstream": item.upstream,
                    "kept_here": bool(kept),
                }
            )
        call.table(
            [call.say(f"head.{name}") for name in ("station", "name", "level", "upstream", "log_size")], rows
        )
    return 0


_STATION = Param(name="STATION", type=StationType(), required=True)

SPECS = (
    Spec(
        path=("station", "add"),
        run=add,
        params=(
            Param(name="STATION", type=StationType(new=True), required=True),
            Param(name="name", required=True),
            Param(name="level", type=OneOf(LEVELS, prefixes=("level",)), required=True),
            Param(name="upstream", type=StationType()),
            Param(name="code-system"),
            Param(name="open", flag=True),
        ),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("station", "open"),
        run=open_log,
        params=(_STATION,),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("station", "close"),
        run=close,
        params=(_STATION, Param(name="anyway", flag=True)),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("station", "end-certificates"),
        run=end_certificates,
        params=(_STATION, Param(name="anyway", flag=True)),
        signs=True,
        group="setup",
    ),
    Spec(path=("station", "list"), run=show_all, group="setup"),
)
