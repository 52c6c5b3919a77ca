"""Builders and schemas: bad input is refused before anyone signs, with the field named."""

from __future__ import annotations

import inspect
import string
import tomllib
from collections.abc import Callable
from importlib import resources

import pytest

from ledger.errors import InputError
from ledger.formats.body import new_body, open_body
from ledger.limits import FACTS_BYTES_MAX
from ledger.registry import actions as facts_of
from ledger.registry.actions import SCHEMAS
from ledger.registry.authority import REGISTRY_ACTIONS
from ledger.registry.check import check_facts
from ledger.registry.effects import EFFECTS
from ledger.registry.schema import LOG_SIZES_MAX
from ledger.types import Facts, KeyId, LogId
from tests.registry.office import COUNTY, TOWN, proof

KEY = KeyId(bytes(16))
BAD: list[tuple[str, Callable[[], Facts]]] = [
    ("staff_no", lambda: facts_of.grant_role(staff_no="", role="head", scope=TOWN)),
    ("staff_no", lambda: facts_of.grant_role(staff_no="王小明", role="head", scope=TOWN)),
    ("staff_no", lambda: facts_of.grant_role(staff_no="x" * 33, role="head", scope=TOWN)),
    ("role", lambda: facts_of.grant_role(staff_no="a", role="registrar", scope=TOWN)),
    ("role", lambda: facts_of.grant_role(staff_no="a", role="kiosk", scope=TOWN)),
    ("role", lambda: facts_of.end_role(staff_no="a", role="boss", scope=TOWN)),
    ("scope", lambda: facts_of.grant_role(staff_no="a", role="head", scope="990121/*")),
    ("scope", lambda: facts_of.grant_role(staff_no="a", role="head", scope=f"{TOWN}/*/*")),
    ("scope", lambda: facts_of.grant_role(staff_no="a", role="head", scope="９９0121001000-00")),
    ("stand_in_for", lambda: facts_of.grant_role(staff_no="a", role="head", scope=TOWN, stand_in_for="")),
    ("name", lambda: enrol_station(name="")),
    ("name", lambda: enrol_station(name="站" * 81)),
    ("name", lambda: enrol_station(name="两\n行")),
    ("level", lambda: enrol_station(level="province")),
    ("station", lambda: enrol_station(station=f"{TOWN}/*")),
    ("upstream", lambda: enrol_station(upstream="")),
    ("code_system", lambda: enrol_station(code_system="")),
    ("station", lambda: facts_of.close_station(station="")),
    (
        "public_key",
        lambda: facts_of.enrol_staff(staff_no="a", station=TOWN, **{**proof("a"), "public_key": b""}),
    ),
    ("alg", lambda: facts_of.enrol_staff(staff_no="a", station=TOWN, **{**proof("a"), "alg": "rsa"})),
    ("replaces", lambda: facts_of.enrol_staff(staff_no="a", station=TOWN, replaces=b"x", **proof("a"))),
    ("purpose", lambda: facts_of.enrol_service(purpose="log", station=TOWN, **proof("a"))),
    (
        "possession",
        lambda: facts_of.appoint_registrar(staff_no="a", scope=TOWN, **{**proof("a"), "possession": b""}),
    ),
    ("reason", lambda: facts_of.retire_key(key_id=KEY, reason="lost", log_sizes=[])),
    ("key_id", lambda: facts_of.dismiss_registrar(key_id=KeyId(b""), reason="retired", log_sizes=[])),
    ("log_sizes", lambda: retire([(bytes(16), 1), (bytes(16), 2)])),
    ("log_sizes", lambda: retire([(bytes(15), 1)])),
    ("log_sizes", lambda: retire([(bytes(16), -1)])),
    ("log_sizes", lambda: retire([(bytes(16), 2**63)])),
    ("log_sizes", lambda: retire([(bytes(16), True)])),
    ("log_sizes", lambda: retire([(n.to_bytes(16, "big"), 1) for n in range(1, LOG_SIZES_MAX + 2)])),
    ("target", lambda: facts_of.countersign(target=b"")),
    ("genesis", lambda: facts_of.open_log(genesis=b"")),
    ("genesis", lambda: facts_of.open_log(genesis=bytes(1025))),
    ("name", lambda: facts_of.staff_personal(name="")),
]


def enrol_station(**changed: str) -> Facts:
    given = {"station": TOWN, "name": "站", "level": "township", "upstream": COUNTY, "code_system": "demo"}
    return facts_of.enrol_station(**{**given, **changed})


def retire(log_sizes: list[tuple[bytes, int]]) -> Facts:
    return facts_of.retire_key(
        key_id=KEY, reason="retired", log_sizes=[(LogId(log), size) for log, size in log_sizes]
    )


@pytest.mark.parametrize(("field", "build"), BAD)
def test_bad_input_names_its_field(field: str, build: Callable[[], Facts]) -> None:
    with pytest.raises(InputError) as raised:
        build()
    assert raised.value.code == "registry.field_value"
    assert raised.value.params["field"] == field


def test_names_are_kept_code_point_by_code_point() -> None:
    rare = "㭎·𠮷﨑"
    assert facts_of.staff_personal(name=rare) == {"name": rare}


def test_the_largest_retirement_fits_its_body() -> None:
    facts = retire([(n.to_bytes(16, "big"), 2**63 - 1) for n in range(1, LOG_SIZES_MAX + 1)])
    raw = new_body(facts, bytes(16))
    assert len(raw) <= FACTS_BYTES_MAX
    assert open_body(raw, limit_bytes=FACTS_BYTES_MAX) == facts


def test_the_salt_of_a_body_is_no_unknown_field() -> None:
    assert check_facts("close_station", {"station": TOWN, "salt": bytes(16)}) is None


def test_every_action_has_schema_effect_builder_and_text() -> None:
    assert set(SCHEMAS) == REGISTRY_ACTIONS | {"open_log", "countersign"}
    assert set(EFFECTS) == REGISTRY_ACTIONS
    texts = tomllib.loads((resources.files("ledger.texts") / "zh" / "registry.toml").read_text("utf-8"))
    for action, schema in SCHEMAS.items():
        parameters = set(inspect.signature(getattr(facts_of, action)).parameters)
        assert parameters == {field.name for field in schema.facts}
        assert schema.opening == action.startswith(("open_", "enrol_", "appoint_"))
        if action != "countersign":
            assert texts[f"action.{action}"]["what"] == schema.name.zh


def test_both_languages_say_the_same() -> None:
    folder = resources.files("ledger.texts")
    zh, en = (
        tomllib.loads((folder / language / "registry.toml").read_text("utf-8")) for language in ("zh", "en")
    )
    assert list(zh) == list(en)
    for code in zh:
        assert list(zh[code]) == list(en[code])
        for part in zh[code]:
            assert holders(zh[code][part]) == holders(en[code][part]), code


def holders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
