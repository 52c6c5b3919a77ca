"""What changes in an item, field by field, material by material, in words of the list."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.rules.casetype import CaseType
from ledger.rules.item import Item
from ledger.types import Bilingual
from ledger.types import Value as Fact
from stations.imports.difference import EMPTY, Change, plain
from stations.imports.itemforms import YES_NO, cells_of, material_fact, name_of, proof_fact
from stations.sheetin.columns import ListName, sheet_list, words

_ORDER = Bilingual(zh="顺序", en="order")


def item_changes(held: Item | None, item: Item, types: Mapping[str, CaseType]) -> list[Change]:
    """Return the fields in which an item differs from the held one; of a new item those that are filled."""
    old = {} if held is None else cells_of(held)
    new = cells_of(item)
    changes = []
    for column in sheet_list("items").columns:
        before, after = old.get(column.field), new[column.field]
        nothing = held is None and after in (None, "", (), False)
        if column.key or before == after or nothing or (held is None and column.field == "name"):
            continue
        changes.append(
            Change(
                field=column.heading,
                old=EMPTY if held is None else name_of(column, before, types),
                new=name_of(column, after, types),
            )
        )
    changes += _part_changes(
        "materials",
        {} if held is None else {code: material_fact(each) for code, each in held.materials.items()},
        {code: material_fact(each) for code, each in item.materials.items()},
    )
    changes += _part_changes(
        "proofs",
        {} if held is None else {code: proof_fact(each) for code, each in held.proofs.items()},
        {code: proof_fact(each) for code, each in item.proofs.items()},
    )
    return changes


def _part_changes(
    name: ListName, old: Mapping[str, Mapping[str, Fact]], new: Mapping[str, Mapping[str, Fact]]
) -> list[Change]:
    heading = sheet_list(name).title
    changes = []
    for code in dict.fromkeys((*old, *new)):
        before, after = old.get(code), new.get(code)
        if before != after:
            field = Bilingual(zh=f"{heading.zh} {code}", en=f"{heading.en} {code}")
            changes.append(Change(field=field, old=_described(name, before), new=_described(name, after)))
    kept = [code for code in old if code in new]
    if kept != [code for code in new if code in old]:
        order = Bilingual(zh=f"{heading.zh}{_ORDER.zh}", en=f"{heading.en}: {_ORDER.en}")
        changes.append(Change(field=order, old=_listed(old), new=_listed(new)))
    return changes


def _listed(parts: Mapping[str, object]) -> Bilingual:
    return Bilingual(zh="、".join(parts), en=", ".join(parts))


def _described(name: ListName, part: Mapping[str, Fact] | None) -> Bilingual:
    """Return a material or a proof in a few words: its name, its source, its marks."""
    if part is None:
        return EMPTY
    zh, en = _pair(part.get("name"))
    more_zh, more_en = [], []
    source = part.get("source")
    if isinstance(source, str):
        known = words("source").names.get(source, plain(source))
        more_zh.append(known.zh)
        more_en.append(known.en)
    for field in ("deferrable", "promise"):
        if part.get(field) is True:
            heading = sheet_list("materials").column(field).heading
            more_zh.append(heading.zh)
            more_en.append(heading.en.lower())
    if name == "proofs":
        heading, said = sheet_list("proofs").column("allowed").heading, YES_NO[part.get("allowed") is True]
        more_zh.append(f"{heading.zh}：{said.zh}")
        more_en.append(f"{heading.en}: {said.en}")
    if "go_to" in part:
        to_zh, to_en = _pair(part["go_to"])
        more_zh.append(f"去处：{to_zh}")
        more_en.append(f"go to: {to_en}")
    return Bilingual(
        zh=f"{zh}（{'，'.join(more_zh)}）" if more_zh else zh,
        en=f"{en} ({', '.join(more_en)})" if more_en else en,
    )


def _pair(name: Fact) -> tuple[str, str]:
    return (str(name.get("zh", "")), str(name.get("en", ""))) if isinstance(name, dict) else ("", "")
