"""Tables of docs/protocol.md that come from code and data: ``python -m tests.formats.protocol_tables``."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from audit.checking.codes import STEPS
from audit.reading.findings import SEVERITIES
from ledger import hashing, limits
from ledger.days.calendar import UNITS
from ledger.facade.base.synctables import SPARSE_NODES, SPARSE_NOTES
from ledger.registry.authority import ROLES
from ledger.registry.schema import SCHEMAS, Field
from ledger.registry.station import LEVELS
from ledger.rules import casetype, factspec, item
from ledger.store.schema import CORE_TABLES

END = "<!-- end -->"
PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"

LIMITS = (
    ("act header", limits.ACT_BYTES_MAX),
    ("entry, merge leaf", limits.ENTRY_BYTES_MAX),
    ("signature", limits.SIGNATURE_BYTES_MAX),
    ("frame", limits.FRAME_BYTES_MAX),
    ("ledger genesis, log genesis", limits.GENESIS_BYTES_MAX),
    ("facts", limits.FACTS_BYTES_MAX),
    ("facts of an action `publish_…`", limits.PUBLISHED_FACTS_BYTES_MAX),
    ("personal body", limits.PERSONAL_BYTES_MAX),
    ("one attachment", limits.ATTACHMENT_BYTES_MAX),
    ("signed note", limits.NOTE_BYTES_MAX),
    ("package", limits.PACKAGE_BYTES_MAX),
    ("excerpt", limits.EXCERPT_BYTES_MAX),
    ("header of a bundle", limits.BUNDLE_HEADER_BYTES_MAX),
    ("manifest of a bundle", limits.BUNDLE_MANIFEST_BYTES_MAX),
    ("section of a bundle before sealing", limits.BUNDLE_SECTION_BYTES_MAX),
    ("part of a bundle", limits.BUNDLE_PART_BYTES_MAX),
    ("key envelope", limits.ENVELOPE_BYTES_MAX),
    ("invite", limits.INVITE_BYTES_MAX),
)
COUNTS = (
    ("elements of one array in a header", limits.HEADER_ITEMS_MAX),
    ("elements of one array in an excerpt", limits.EXCERPT_NODES_MAX),
    (
        "elements of one map or array in facts of an action `publish_…`, however short they are",
        limits.PUBLISHED_ITEMS_MAX,
    ),
    ("elements of one map or array in any other body", limits.BODY_ITEMS_MAX),
    ("parents of an act", limits.PARENTS_MAX),
    ("attachments of an act", limits.ATTACHMENTS_MAX),
    ("signatures on a note", limits.NOTE_SIGNATURES_MAX),
    ("entries of a package", limits.PACKAGE_ENTRIES_MAX),
    ("entries of an excerpt, with the first of the log", limits.EXCERPT_ENTRIES_MAX),
    ("sections of a bundle part, without the manifest", limits.BUNDLE_SECTIONS_MAX),
    ("parts of a bundle", limits.BUNDLE_PARTS_MAX),
    ("sections of one request or answer of a session", limits.SESSION_SECTIONS_MAX),
    (
        "logs of one station and divergent histories of them, together, from below",
        limits.STATION_HISTORIES_MAX,
    ),
    ("milliseconds from a provisional grant to its limit", limits.GRANT_MS_MAX),
    ("the same, of logs whose opening key has ended", limits.SPENT_HISTORIES_MAX),
)
CONTEXTS = (
    ("CTX_LEDGER", "ledger id", "ledger genesis"),
    ("CTX_GENESIS", "genesis hash and log id", "log genesis"),
    ("CTX_KEY", "key id", "[alg, public key]"),
    ("CTX_ACT_ID", "act id", "act"),
    ("CTX_ACT_SIGN", "signature of a person", "act"),
    ("CTX_ACT_SIG", "signature hash in the entry", "signature"),
    ("CTX_FACTS", "facts hash", "body"),
    ("CTX_PERSONAL", "personal hash", "body"),
    ("CTX_ENTRY", "entry hash", "entry"),
    ("CTX_CHECKPOINT", "checkpoint hash (`county_seen`)", "text of a checkpoint"),
    ("CTX_POSSESSION", "proof of possession", "ledger id, public key"),
    ("CTX_ENVELOPE", "associated data of a key envelope", "its inner header"),
    ("CTX_BUNDLE", "HPKE info", "bundle header, section index"),
    ("CTX_INVITE_SIGN", "signature on an invite", "its content"),
    ("CTX_JOIN", "id of a join or renewal request", "request"),
    ("CTX_JOIN_SIGN", "signature of a TLS key on a join request", "its content"),
    ("CTX_REJECTION_SIGN", "signature of a registrar on the refusal of a join request", "its content"),
    ("CTX_FEED", "chain value of a feed", "chain value before, act id"),
    ("CTX_ATTACHMENT", "hash of an attachment", "salt, content"),
    ("CTX_ATTACHED", "root of what has arrived of attachments", "their hashes, one after the other"),
    ("CTX_RENEWAL_SIGN", "signature of a TLS key on a renewal", "its content"),
    ("CTX_CASE_KEY", "key that wraps case keys: HMAC-SHA-256 with the storage key", "nothing more"),
)
SIGNERS = {"root": "root", "registrar": "registrar", "either": "registrar, or root (see above)"}


def tables() -> dict[str, str]:
    """Return the text of each table by the name of its marker."""
    return {
        "limits": _limits(),
        "contexts": _contexts(),
        "registry actions": _registry_actions(),
        "case actions": _case_actions(),
        "catalogue values": _catalogue_values(),
        "ledger tables": _ledger_tables(),
        "findings": _findings(),
    }


def fill(page: str) -> str:
    """Return the page with every table made anew."""
    for name, table in tables().items():
        before, found, after = page.partition(f"<!-- {name} -->\n")
        if not found:
            raise ValueError(name)
        page = f"{before}{found}{table}\n{after[after.index(END) :]}"
    return page


def _limits() -> str:
    lines = ["| what | bytes at most |", "|---|---|"]
    lines += [f"| {name} | {size:,} |" for name, size in LIMITS]
    lines += ["", "| what | count at most |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {count:,} |" for name, count in COUNTS])


def _contexts() -> str:
    lines = ["| context (ASCII, ends in a newline) | for | over |", "|---|---|---|"]
    for name, purpose, over in CONTEXTS:
        text = getattr(hashing, name).decode("ascii").replace("\n", "\\n")
        lines.append(f"| `{text}` | {purpose} | {over} |")
    return "\n".join(lines)


def _registry_actions() -> str:
    lines = ["| action | signed by | opens a thread | facts | personal |", "|---|---|---|---|---|"]
    for schema in SCHEMAS.values():
        facts = "; ".join(map(_registry_field, schema.facts))
        personal = "; ".join(map(_registry_field, schema.personal))
        cells = (
            f"`{schema.action}` {schema.name.zh}", SIGNERS[schema.signer], "yes" if schema.opening else "no",
            facts, personal,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _registry_field(field: Field) -> str:
    kind = " or ".join(f"`{value}`" for value in field.values) or field.type
    size = f" ≤ {field.size_max}" if field.size_max else ""
    name = f"`{field.name}`" if field.required else f"[`{field.name}`]"
    return f"{name} {kind}{size}"


def _case_actions() -> str:
    source = resources.files("ledger.data").joinpath("casetypes.json").read_text(encoding="utf-8")
    case_types = json.loads(source)["case_types"]
    seen: dict[tuple[str, str], list[str]] = {}
    names: dict[str, str] = {}
    for case_type in case_types:
        for action, spec in case_type["actions"].items():
            facts = "; ".join(_case_field(name, field) for name, field in spec.get("facts", {}).items())
            seen.setdefault((action, facts), []).append(case_type["code"])
            names[action] = spec["name"]["zh"]
    common = "; ".join(_case_field(name, field) for name, field in case_types[0]["common_facts"].items())
    lines = [f"Every case act may have besides: {common}.", ""]
    lines += ["| action | case types | facts |", "|---|---|---|"]
    for (action, facts), codes in sorted(seen.items()):
        where = "all" if len(codes) == len(case_types) else ", ".join(f"`{code}`" for code in codes)
        lines.append(f"| `{action}` {names[action]} | {where} | {facts} |")
    return "\n".join(lines)


def _case_field(name: str, field: dict[str, Any]) -> str:
    kind = " or ".join(f"`{value}`" for value in field.get("values", ())) or field["type"]
    if "of" in field:
        kind += f" of {field['of']}"
    if "max" in field:
        kind += f" ≤ {field['max']}"
    if "fields" in field:
        inner = "; ".join(_case_field(key, value) for key, value in field["fields"].items())
        kind += f" {{{inner}}}"
    return f"`{name}` {kind}" if field.get("required") else f"[`{name}`] {kind}"


def _catalogue_values() -> str:
    values = (
        ("role in `by` and `second`", ROLES),
        ("level in `receive_levels`, `accept_levels`, `decide_level`", LEVELS),
        ("`where`", casetype.WHERES),
        ("`custody`", casetype.CUSTODIES),
        ("`type` of a field", sorted(factspec.TYPES)),
        ("`legal_basis`", casetype.LEGAL_BASES),
        ("`unit`", UNITS),
        ("`expiry`", casetype.EXPIRIES),
        ("`receipt_capacity`", item.CAPACITIES),
        ("`source` of a material", item.MATERIAL_SOURCES),
    )
    lines = ["| what | values |", "|---|---|"]
    return "\n".join(
        lines + [f"| {name} | {', '.join(f'`{one}`' for one in known)} |" for name, known in values]
    )


def _findings() -> str:
    lines = ["| step | severity | codes |", "|---|---|---|"]
    for step, groups in STEPS.items():
        for severity in SEVERITIES:
            codes = ", ".join(f"`{code}`" for code in groups.get(severity, "").split())
            if codes:
                lines.append(f"| {step} | {severity} | {codes} |")
    return "\n".join(lines)


def _ledger_tables() -> str:
    lines = ["| table | columns and key |", "|---|---|"]
    for table in (*CORE_TABLES, SPARSE_NOTES, SPARSE_NODES):
        columns = ", ".join(f"`{name}` {kind}" for name, kind in table.columns)
        lines.append(f"| `{table.name}` | {columns}; key ({', '.join(table.key)}) |")
    return "\n".join(lines)


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
