"""One item of the catalogue (事项): who receives and decides it, on which basis, with which papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ledger.errors import DataError
from ledger.rules.published import as_map, bilingual, read_flag, read_list, read_text, read_texts
from ledger.types import Bilingual, Value

CAPACITIES: Final = ("receiving_point", "applicant_agent")
MATERIAL_SOURCES: Final = ("applicant", "certificate", "shared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One material: where it comes from, whether it may follow later or be replaced by a promise."""

    code: str
    name: Bilingual
    source: str
    deferrable: bool
    promise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofKind:
    """One kind of village proof: may be issued, or is refused with the office that knows (``go_to``)."""

    code: str
    name: Bilingual
    allowed: bool
    go_to: Bilingual
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of the catalogue (事项). Days are counted in ``unit``; None means that no such limit exists.

    ``receipt_capacity`` gives for each level that receives whether its receipt is the organ's own.
    """

    base_code: str
    name: Bilingual
    legal_basis: str
    subject: str
    receive_levels: frozenset[str]
    accept_levels: frozenset[str]
    decide_level: str
    case_type: str
    receipt_capacity: Mapping[str, str]
    legal_days: int | None
    promised_days: int | None
    unit: str
    forward_days: int
    post_check_days: int | None
    materials: Mapping[str, Material]
    steps: tuple[str, ...]
    quota: bool
    proof_commitment: bool
    approval_commitment: bool
    certificate: str
    local_rule: str
    yellow_days: int | None
    proofs: Mapping[str, ProofKind]


NOWHERE: Final = Bilingual(zh="", en="")


def parse_item(raw: Value) -> Item:
    """Read one item from its published form (``docs/casetypes.md``).

    Raises:
        DataError: ``catalogue.shape`` naming the item and the field.
    """
    raw = as_map(raw, where="items", field="item")
    where = read_text(raw, "base_code", where="items")
    materials = [_material(entry, where=where) for entry in read_list(raw, "materials", where=where)]
    proofs = [_proof(entry, where=where) for entry in read_list(raw, "proofs", where=where)]
    return Item(
        base_code=where,
        name=bilingual(raw.get("name"), where=where),
        legal_basis=read_text(raw, "legal_basis", where=where),
        subject=read_text(raw, "subject", where=where),
        receive_levels=frozenset(read_texts(raw, "receive_levels", where=where)),
        accept_levels=frozenset(read_texts(raw, "accept_levels", where=where)),
        decide_level=read_text(raw, "decide_level", where=where),
        case_type=read_text(raw, "case_type", where=where),
        receipt_capacity=_text_map(raw, "receipt_capacity", where=where),
        legal_days=_days(raw, "legal_days", where=where),
        promised_days=_days(raw, "promised_days", where=where),
        unit=read_text(raw, "unit", where=where, default="working_days"),
        forward_days=_days(raw, "forward_days", where=where) or 0,
        post_check_days=_days(raw, "post_check_days", where=where),
        materials=MappingProxyType({material.code: material for material in materials}),
        steps=read_texts(raw, "steps", where=where),
        quota=read_flag(raw, "quota", where=where),
        proof_commitment=read_flag(raw, "proof_commitment", where=where),
        approval_commitment=read_flag(raw, "approval_commitment", where=where),
        certificate=read_text(raw, "certificate", where=where, default=""),
        local_rule=read_text(raw, "local_rule", where=where, default="").strip(),
        yellow_days=_days(raw, "yellow_days", where=where),
        proofs=MappingProxyType({proof.code: proof for proof in proofs}),
    )


def _material(raw: Value, *, where: str) -> Material:
    raw = as_map(raw, where=where, field="materials")
    return Material(
        code=read_text(raw, "code", where=where),
        name=bilingual(raw.get("name"), where=where),
        source=read_text(raw, "source", where=where),
        deferrable=read_flag(raw, "deferrable", where=where),
        promise=read_flag(raw, "promise", where=where),
    )


def _proof(raw: Value, *, where: str) -> ProofKind:
    raw = as_map(raw, where=where, field="proofs")
    go_to = raw.get("go_to")
    return ProofKind(
        code=read_text(raw, "code", where=where),
        name=bilingual(raw.get("name"), where=where),
        allowed=read_flag(raw, "allowed", where=where),
        go_to=NOWHERE if go_to is None else bilingual(go_to, where=where),
        source=read_text(raw, "source", where=where, default=""),
    )


def _text_map(raw: Mapping[str, Value], name: str, *, where: str) -> Mapping[str, str]:
    value = as_map(raw.get(name, {}), where=where, field=name)
    texts = {key: text for key, text in value.items() if isinstance(text, str)}
    if len(texts) != len(value):
        raise DataError("catalogue.shape", where=where, field=name)
    return MappingProxyType(texts)


def _days(raw: Mapping[str, Value], name: str, *, where: str) -> int | None:
    value = raw.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise DataError("catalogue.shape", where=where, field=name)
    return value
