"""``banjian county create``: found a county's ledger: three roots, a registrar, the county station."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ledger.errors import ConfigError, RuleError
from ledger.facade import Home
from ledger.facade.opened.moving import move_to_postgres
from ledger.facade.opened.setup import CountyCreated, CountyPlan, county_station
from ledger.facade.peering.between import stations_behind
from ledger.formats.genesis import LogKind
from stations.cli.call import Call
from stations.cli.countynote import accept_note, write_note
from stations.cli.countyrescue import rescue
from stations.cli.database import read_url
from stations.cli.grammar import Param, Spec
from stations.cli.keyring import passphrase_for, signing_key
from stations.cli.servicekeys import enrol_county
from stations.cli.session import desk
from stations.cli.types import OneOf
from stations.office.founding import (
    REGISTRAR_NO,
    ROOT_COUNT,
    DraftKey,
    check_division,
    draft_key,
    found_county,
)
from stations.office.inviting import spaced
from stations.office.newkeys import SUFFIX
from stations.unreadable import read_named

KINDS: Mapping[str, LogKind] = {"registry": "registry", "catalogue": "catalogue", "merge": "merge"}
"""Logs of the county that are opened anew after a restore."""


def create(
    call: Call,
    *,
    dir_: str,
    name: str,
    code: str,
    registrar: str | None,
    registrar_name: str | None,
    roots: str | None,
    training: bool,
    database_url_file: str | None,
    owner_url_file: str | None,
) -> int:
    """Found the ledger: every passphrase is asked for before anything is written."""
    check_division(code)
    home = Home(Path(dir_).absolute())
    if home.exists:
        raise ConfigError("home.exists", path=str(home.path))
    database_url = read_url(database_url_file) if database_url_file else ""
    owner_url = read_url(owner_url_file) if owner_url_file else ""
    registrar_no = registrar or REGISTRAR_NO
    roots_dir = Path(roots) if roots else home.path / "roots"
    made = [_make_key(call, f"root-{number}", roots_dir) for number in range(1, ROOT_COUNT + 1)]
    registrar_key = _make_key(call, registrar_no, home.keys_dir)

    def finish(folder: Path) -> None:
        if database_url:
            move_to_postgres(Home(folder), database_url, owner_url=owner_url, keep_file=False)

    county = found_county(
        home,
        CountyPlan(
            name=name,
            division_code=code,
            purpose="training" if training else "office",
            registrar_no=registrar_no,
            registrar_name=registrar_name or "",
        ),
        roots=made,
        registrar=registrar_key,
        clock=call.app.clock,
        randomness=call.app.randomness,
        finish=finish,
    )
    for key in (*made, registrar_key):
        call.app.signers[key.path] = key.signer
    call.training = training
    _tell(call, county, name=name, home=home, roots_dir=roots_dir, registrar=registrar_no)
    return 0


def _tell(
    call: Call, county: CountyCreated, *, name: str, home: Home, roots_dir: Path, registrar: str
) -> None:
    call.line(call.say("county.made", name=name, dir=home.path))
    call.line(call.say("county.ledger_id", number=spaced(county.ledger_id)))
    call.line(call.say("county.station", station=county.station))
    call.emit(
        {
            "ledger_id": county.ledger_id.hex(),
            "dir": str(home.path),
            "station": county.station,
            "registrar": registrar,
            "roots": [str(roots_dir / f"root-{index}{SUFFIX}") for index in range(1, ROOT_COUNT + 1)],
            "purpose": "training" if call.training else "office",
        }
    )
    call.hint("county.next", roots=roots_dir, dir=home.path, station=county.station, registrar=registrar)


def reopen(call: Call, *, kind: str, seen: str | None, anyway: bool) -> int:
    """Open the successor of a county log that was given up here, once the stations below have synced.

    Raises:
        RuleError: ``county.stations_behind``: some have not, and may hold acts that would lose their effect.
    """
    newest = b"" if seen is None else read_named(Path(seen))
    signer = signing_key(call)
    with desk(call, whole=False) as at:
        ledger = at.ledger
        station = county_station(ledger.genesis.division_code)
        behind = [] if anyway else stations_behind(ledger, station)
        if behind:
            raise RuleError("county.stations_behind", stations=tuple(behind), count=len(behind), kind=kind)
        log_id = at.open_log(KINDS[kind], station, signer, newest=newest)
        call.line(call.say("county.reopened", kind=call.say(f"kind.{kind}"), log=log_id.hex()))
        call.emit({"kind": kind, "station": station, "log_id": log_id.hex()})
    return 0


def _make_key(call: Call, label: str, folder: Path) -> DraftKey:
    path = (folder / f"{label}{SUFFIX}").absolute()
    if path.exists():
        raise ConfigError("key.exists", path=str(path))
    passphrase = passphrase_for(call, label, twice=True)
    return draft_key(path, label=label, passphrase=passphrase, randomness=call.app.randomness)


SPECS = (
    Spec(
        path=("county", "create"),
        run=create,
        params=(
            Param(name="DIR", required=True),
            Param(name="name", required=True),
            Param(name="code", required=True),
            Param(name="registrar"),
            Param(name="registrar-name"),
            Param(name="roots"),
            Param(name="training", flag=True),
            Param(name="database-url-file", rare=True),
            Param(name="owner-url-file", rare=True),
        ),
        needs_home=False,
        group="setup",
    ),
    Spec(path=("county", "keys"), run=enrol_county, signs=True, group="setup"),
    Spec(
        path=("county", "reopen"),
        run=reopen,
        params=(
            Param(name="KIND", type=OneOf(tuple(KINDS), prefixes=("kind",)), required=True),
            Param(name="seen"),
            Param(name="anyway", flag=True),
        ),
        signs=True,
        group="setup",
    ),
    Spec(
        path=("county", "rescue"),
        run=rescue,
        params=(
            Param(name="DIR", required=True),
            Param(name="station-dir", required=True),
            Param(name="ca-key", required=True),
            Param(name="ledger-id", required=True),
        ),
        needs_home=False,
        group="setup",
    ),
    Spec(path=("county", "note"), run=write_note, params=(Param(name="out", required=True),), group="setup"),
    Spec(
        path=("county", "accept"),
        run=accept_note,
        params=(Param(name="FILE"), Param(name="yes", flag=True)),
        group="setup",
    ),
)
