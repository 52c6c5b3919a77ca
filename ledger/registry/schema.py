"""The actions of the registry log and what the facts of each must hold, as data.

``SCHEMAS`` is read three ways: by the builders, which refuse bad input before anyone signs; by the fold,
which keeps an act with other facts without effect; and by the page of the protocol, which is filled from it.
An unknown field leaves an act without effect: what cannot be fully understood grants nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ledger.limits import GENESIS_BYTES_MAX
from ledger.registry.authority import PURPOSES
from ledger.registry.station import LEVELS
from ledger.types import Bilingual

GRANTABLE_ROLES = ("window", "officer", "head", "supervisor", "issuer", "archivist", "agent")
"""Roles that a registrar may grant; ``registrar`` is for the roots to give, ``kiosk`` for service keys."""

RETIREMENT_REASONS = ("retired", "compromised")
ALGORITHMS = ("ed25519", "x25519")
LOG_SIZES_MAX = 1024
"""Logs named in one retirement; five kiosks and counters for each of two hundred stations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a body.

    ``type`` is one of the names in ``docs/protocol.md``: text, staff_no, station, scope, enum, key_id,
    public_key, signature, act_id, bytes, log_sizes, time. ``values`` lists those of an enum; ``size_max``
    counts characters of a text, bytes of bytes, pairs of log sizes.
    """

    name: str
    type: str
    required: bool = True
    values: tuple[str, ...] = ()
    size_max: int = 0
    meaning: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSchema:
    """One action: who signs it, whether it opens a thread, and its fields.

    ``signer`` is ``root`` (takes effect at another root's countersign), ``registrar`` (at once) or
    ``either`` (the target decides). ``personal`` lists the fields of the personal body.
    """

    action: str
    name: Bilingual
    signer: str
    opening: bool
    facts: tuple[Field, ...]
    personal: tuple[Field, ...] = ()


_STAFF = Field(name="staff_no", type="staff_no", meaning=Bilingual(zh="工作人员编号", en="staff number"))
_KEY = (
    Field(name="alg", type="enum", values=("ed25519",), meaning=Bilingual(zh="密钥算法", en="algorithm")),
    Field(name="public_key", type="public_key", meaning=Bilingual(zh="公钥", en="public key")),
    Field(
        name="possession",
        type="signature",
        meaning=Bilingual(
            zh="持有私钥的证明", en="signature of the new key over context, ledger id and public key"
        ),
    ),
)
_STATION = Field(name="station", type="station", meaning=Bilingual(zh="站点编号", en="station id"))
_SCOPE = Field(
    name="scope",
    type="scope",
    meaning=Bilingual(
        zh="范围：一个站点，或站点及其全部下级（加 /*）", en="one station, or with all below it (/*)"
    ),
)
_ROLE = Field(name="role", type="enum", values=GRANTABLE_ROLES, meaning=Bilingual(zh="岗位", en="role"))
_RETIREMENT = (
    Field(name="key_id", type="key_id", meaning=Bilingual(zh="停用的密钥", en="key that ends")),
    Field(
        name="reason",
        type="enum",
        values=RETIREMENT_REASONS,
        meaning=Bilingual(zh="正常停用或已泄露", en="merely retired, or compromised"),
    ),
    Field(
        name="log_sizes",
        type="log_sizes",
        size_max=LOG_SIZES_MAX,
        meaning=Bilingual(
            zh="县里当时已收到的各日志长度",
            en="[log id, size] of each log where the key appeared, as the county held it; sorted, else 0",
        ),
    ),
)
PERSON = (
    Field(name="name", type="text", size_max=64, meaning=Bilingual(zh="姓名", en="name")),
    Field(
        name="phone",
        type="text",
        required=False,
        size_max=32,
        meaning=Bilingual(zh="电话，不再写入", en="phone, not written any more"),
    ),
)
"""Personal body of those actions that enrol a person."""

_TABLE = (
    ActionSchema(
        action="open_log",
        name=Bilingual(zh="启用日志", en="open a log"),
        signer="root",
        opening=True,
        facts=(
            Field(
                name="genesis",
                type="bytes",
                size_max=GENESIS_BYTES_MAX,
                meaning=Bilingual(zh="日志创世数据", en="genesis of the log"),
            ),
            Field(
                name="ledger_genesis",
                type="bytes",
                required=False,
                size_max=GENESIS_BYTES_MAX,
                meaning=Bilingual(
                    zh="台账创世数据（仅登记日志）", en="genesis of the ledger; in the registry log alone"
                ),
            ),
        ),
    ),
    ActionSchema(
        action="countersign",
        name=Bilingual(zh="会签", en="countersign"),
        signer="root",
        opening=False,
        facts=(
            Field(name="target", type="act_id", meaning=Bilingual(zh="被会签的行为", en="act it completes")),
        ),
    ),
    ActionSchema(
        action="appoint_registrar",
        name=Bilingual(zh="任命登记员", en="appoint a registrar"),
        signer="root",
        opening=True,
        facts=(_STAFF, *_KEY, _SCOPE),
        personal=PERSON,
    ),
    ActionSchema(
        action="dismiss_registrar",
        name=Bilingual(zh="免去登记员", en="dismiss a registrar"),
        signer="root",
        opening=False,
        facts=_RETIREMENT,
    ),
    ActionSchema(
        action="enrol_station",
        name=Bilingual(zh="登记站点", en="enrol a station"),
        signer="registrar",
        opening=True,
        facts=(
            _STATION,
            Field(name="name", type="text", size_max=80, meaning=Bilingual(zh="站点名称", en="name")),
            Field(name="level", type="enum", values=LEVELS, meaning=Bilingual(zh="层级", en="level")),
            Field(
                name="upstream",
                type="station",
                required=False,
                meaning=Bilingual(
                    zh="上级站点（最高站点没有）", en="station above; absent for the top station"
                ),
            ),
            Field(
                name="code_system",
                type="text",
                size_max=32,
                meaning=Bilingual(zh="区划代码的来源", en="list that the division code comes from"),
            ),
        ),
    ),
    ActionSchema(
        action="close_station",
        name=Bilingual(zh="撤销站点", en="close a station"),
        signer="registrar",
        opening=False,
        facts=(_STATION,),
    ),
    ActionSchema(
        action="end_certificates",
        name=Bilingual(zh="作废证书", en="end certificates"),
        signer="registrar",
        opening=False,
        facts=(
            _STATION,
            Field(
                name="before_ms",
                type="time",
                meaning=Bilingual(zh="作废此前签发的证书", en="certificates that begin earlier end"),
            ),
        ),
    ),
    ActionSchema(
        action="enrol_staff",
        name=Bilingual(zh="登记工作人员", en="enrol staff"),
        signer="registrar",
        opening=True,
        facts=(
            _STAFF,
            _STATION,
            *_KEY,
            Field(
                name="replaces",
                type="key_id",
                required=False,
                meaning=Bilingual(
                    zh="同一人已停用的旧密钥，其岗位转给新密钥",
                    en="retired key of the same person whose roles pass on",
                ),
            ),
        ),
        personal=PERSON,
    ),
    ActionSchema(
        action="grant_role",
        name=Bilingual(zh="授予岗位", en="grant a role"),
        signer="registrar",
        opening=False,
        facts=(
            _STAFF,
            _ROLE,
            _SCOPE,
            Field(
                name="stand_in_for",
                type="staff_no",
                required=False,
                meaning=Bilingual(zh="AB岗：替谁顶岗", en="colleague for whom this is a stand-in"),
            ),
        ),
    ),
    ActionSchema(
        action="end_role",
        name=Bilingual(zh="终止岗位", en="end a role"),
        signer="registrar",
        opening=False,
        facts=(_STAFF, _ROLE, _SCOPE),
    ),
    ActionSchema(
        action="enrol_service",
        name=Bilingual(zh="登记设备密钥", en="enrol a service key"),
        signer="registrar",
        opening=True,
        facts=(
            Field(name="purpose", type="enum", values=PURPOSES, meaning=Bilingual(zh="用途", en="purpose")),
            _STATION,
            Field(
                name="alg",
                type="enum",
                values=ALGORITHMS,
                meaning=Bilingual(
                    zh="算法：bundle 用 x25519，其余用 ed25519", en="x25519 for bundle, else ed25519"
                ),
            ),
            Field(name="public_key", type="public_key", meaning=Bilingual(zh="公钥", en="public key")),
            Field(
                name="possession",
                type="signature",
                required=False,
                meaning=Bilingual(
                    zh="持有私钥的证明；x25519 没有", en="proof of possession; absent for x25519 alone"
                ),
            ),
        ),
    ),
    ActionSchema(
        action="retire_key",
        name=Bilingual(zh="停用密钥", en="retire a key"),
        signer="either",
        opening=False,
        facts=_RETIREMENT,
    ),
)
SCHEMAS: Mapping[str, ActionSchema] = MappingProxyType({schema.action: schema for schema in _TABLE})
"""Every action of the registry log, by code."""
