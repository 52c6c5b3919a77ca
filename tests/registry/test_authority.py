"""Authority of acts as of the registry size that they cite."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import ledger.registry.authority as authority_module
from ledger.errors import AuthorityError
from ledger.registry.authority import Authority, Refusal, check_act_authority, check_log_opening
from ledger.types import KeyId, StationId
from tests.registry.office import COUNTY, OTHER_VILLAGE, ROOTS, TOWN, VILLAGE, Office, new_office, signer

NEWEST = -1


@dataclass(frozen=True)
class Header:
    actor: KeyId
    station: StationId
    registry_size: int
    action: str


def judge(
    office: Office, name: str, action: str = "receive", *, station: str = VILLAGE, size: int = NEWEST
) -> str:
    """Return the refusal's code, or the kind of the authority."""
    actor = ROOTS[int(name[5:])].key_id if name.startswith("root ") else signer(name).key_id
    header = Header(
        actor=actor,
        station=StationId(station),
        registry_size=office.registry.size if size == NEWEST else size,
        action=action,
    )
    result = check_act_authority(office.registry, header)
    return result.code if isinstance(result, Refusal) else result.kind


def opening(office: Office, kind: str, name: str, *, station: str = VILLAGE, size: int = NEWEST) -> str:
    result = check_log_opening(
        office.registry,
        kind,
        actor_key_id=ROOTS[int(name[5:])].key_id if name.startswith("root ") else signer(name).key_id,
        station=StationId(station),
        registry_size=office.registry.size if size == NEWEST else size,
    )
    return result.code if isinstance(result, Refusal) else result.kind


@pytest.fixture(name="office")
def fixture_office() -> Office:
    office = new_office()
    office.service("kiosk", "kiosk")
    office.service("receipts", "receipt")
    return office


def test_who_may_act_at_a_station(office: Office) -> None:
    assert judge(office, "clerk") == "staff"
    assert judge(office, "kiosk") == "service"
    assert judge(office, "registrar") == "registrar"
    assert judge(office, "clerk", station=TOWN) == "authority.no_role"
    assert judge(office, "kiosk", station=OTHER_VILLAGE) == "authority.no_role"
    assert judge(office, "receipts") == "authority.purpose"
    assert judge(office, "stranger") == "authority.key_unknown"
    assert judge(office, "root 0") == "authority.root_key"
    assert judge(office, "clerk", station="990121009009-00") == "authority.station_unknown"


def test_the_cited_size_decides_and_never_the_newest(office: Office) -> None:
    granted = office.registry.size
    office.end("clerk", "window", VILLAGE)
    assert judge(office, "clerk") == "authority.no_role"
    assert judge(office, "clerk", size=granted) == "staff"
    office.retire("clerk")
    assert judge(office, "clerk") == "authority.key_retired"
    assert judge(office, "clerk", size=granted) == "staff"
    assert judge(office, "clerk", size=3) == "authority.key_too_new"
    assert judge(office, "clerk", size=0) == "authority.registry_none"
    size = office.registry.size
    office.close(OTHER_VILLAGE)
    assert judge(office, "registrar", station=OTHER_VILLAGE) == "authority.station_closed"
    assert judge(office, "registrar", station=OTHER_VILLAGE, size=size) == "registrar"


def test_an_act_that_cites_a_longer_registry_waits(office: Office) -> None:
    ahead = office.registry.size + 1
    assert judge(office, "clerk", size=ahead) == "authority.registry_ahead"
    header = Header(actor=signer("clerk").key_id, station=VILLAGE, registry_size=ahead, action="receive")
    waiting = check_act_authority(office.registry, header)
    assert isinstance(waiting, Refusal) and waiting.awaiting
    office.grant("clerk", "head", VILLAGE)
    held = check_act_authority(office.registry, header)
    assert isinstance(held, Authority) and held.roles_at(VILLAGE) == {"window", "head"}
    assert not Refusal(code="authority.no_role").awaiting


def test_registry_and_catalogue_acts_need_their_own_keys(office: Office) -> None:
    assert judge(office, "registrar", "enrol_station", station="990121009009-00") == "registrar"
    assert judge(office, "clerk", "enrol_station") == "authority.not_registrar"
    assert judge(office, "root 1", "appoint_registrar", station=COUNTY) == "root"
    assert judge(office, "root 1", "countersign", station=COUNTY) == "root"
    assert judge(office, "clerk", "countersign") == "staff"
    assert judge(office, "registrar", "publish_items", station=COUNTY) == "registrar"
    office.grant("clerk", "head", COUNTY)
    assert judge(office, "clerk", "publish_items", station=COUNTY) == "authority.not_registrar"


def test_who_may_open_a_log(office: Office) -> None:
    assert opening(office, "station", "clerk") == "staff"
    assert opening(office, "station", "kiosk") == "service"
    assert opening(office, "station", "registrar") == "registrar"
    assert opening(office, "station", "clerk", station=TOWN) == "authority.no_role"
    assert opening(office, "station", "receipts") == "authority.no_role"
    assert opening(office, "station", "stranger") == "authority.key_unknown"
    assert opening(office, "station", "clerk", size=0) == "authority.registry_none"
    assert opening(office, "catalogue", "registrar", station=COUNTY) == "registrar"
    assert opening(office, "merge", "clerk") == "authority.not_registrar"
    assert opening(office, "merge", "registrar", station="990121009009-00") == "authority.station_unknown"
    assert opening(office, "registry", "root 2", size=0) == "root"
    assert opening(office, "registry", "root 2") == "root"
    assert opening(office, "registry", "registrar", size=0) == "authority.not_root"
    assert opening(office, "registry", "registrar") == "authority.not_root"


def test_the_founding_act_passes_and_a_root_opens_no_station_log(office: Office) -> None:
    assert judge(office, "root 0", "open_log", station=COUNTY, size=0) == "root"
    assert judge(office, "clerk", "open_log", size=0) == "authority.not_root"
    assert judge(office, "clerk", "open_log") == "staff"
    assert opening(office, "station", "root 0") == "authority.no_role"


def test_a_refusal_becomes_an_error_for_the_person_at_the_counter() -> None:
    refusal = Refusal(code="authority.no_role", params={"station": VILLAGE})
    error = refusal.as_error()
    assert isinstance(error, AuthorityError)
    assert (error.code, dict(error.params)) == ("authority.no_role", {"station": VILLAGE})


def test_every_refusal_is_reached_above() -> None:
    codes = set(re.findall(r'"(authority\.[a-z_]+)"', Path(authority_module.__file__).read_text("utf-8")))
    reached = set(re.findall(r'"(authority\.[a-z_]+)"', Path(__file__).read_text("utf-8")))
    assert codes == reached
