"""The receipt slip: plain text for an 80 mm printer, aligned with double-width characters.

It says what the law wants told at once: what was received, what is missing, whether the administrative organ
itself has received it yet, and the token with which the applicant, and nobody else, rates the visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.facade import CasePage, Ledger
from ledger.oneline import shown, with_rare_codes
from ledger.rules.item import Item
from stations.papers.handed import missing_in, texts_in
from stations.texts import Say
from stations.words.casenames import station_name
from stations.words.cells import cell_width, pad, wrap_cells
from stations.words.moments import show_moment

WIDTH_COLUMNS_MIN = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What stands on a slip.

    Attributes:
        capacity: ``receiving_point`` or ``applicant_agent``.
        materials: names of what was handed in.
        promised: names of what a written commitment stands in for.
        missing: names of what the item still needs.
        token: rating token, shown once.
        rated: whether the receipt has a rating token, known here or not.
        checkpoint: size and root of the log's signed head when the slip was printed.
        training: whether the ledger is a training ledger.
    """

    number: str
    item: str
    received_at: str
    station: str
    applicant: str
    capacity: str
    materials: Sequence[str]
    promised: Sequence[str]
    missing: Sequence[str]
    external_no: str
    token: str
    rated: bool
    checkpoint: str
    act: str
    training: bool


def slip_of(ledger: Ledger, say: Say, page: CasePage, *, token: str, note: str) -> Slip:
    """Return what stands on the slip of a case, from its opening act.

    Args:
        ledger: for names.
        say: the language.
        page: the case.
        token: the rating token; "" where it is not known any more: no act holds it.
        note: the log's signed head when the slip is printed; "" for none.
    """
    item, opened = page.rules.item, page.state.steps[0].act
    handed, promised = (texts_in(opened.facts, name) for name in ("materials", "commitments"))
    size, root = [*note.splitlines()[1:3], "", ""][:2]
    return Slip(
        number=page.state.number,
        item=say.pick(item.name),
        received_at=show_moment(page.state.opened_at_ms),
        station=shown(f"{station_name(ledger.knowledge.registry, opened.station)} {opened.station}"),
        applicant=with_rare_codes(page.row.applicant),
        capacity=page.state.capacity or "receiving_point",
        materials=[_material(say, item, code) for code in handed],
        promised=[_material(say, item, code) for code in promised],
        missing=[_material(say, item, code) for code in missing_in(item, {*handed, *promised})],
        external_no=shown(page.state.external_no),
        token=token,
        rated="token_hash" in opened.facts,
        checkpoint=f"{size} {root[:12]}".strip(),
        act=opened.act_id.hex()[:12],
        training=ledger.training,
    )


def render_slip(slip: Slip, say: Say, *, width: int) -> str:
    """Return the slip as text lines of at most ``width`` columns."""
    columns = max(width, WIDTH_COLUMNS_MIN)
    lines = [_centred(say("slip.title"), columns)]
    if slip.training:
        lines += [_centred(say("slip.training"), columns)]
    lines.append("-" * columns)
    for key, text in (
        ("number", slip.number),
        ("external_no", slip.external_no),
        ("item", slip.item),
        ("applicant", slip.applicant),
        ("received_at", slip.received_at),
        ("station", slip.station),
    ):
        if text:
            lines += _labelled(say(f"slip.{key}"), text, columns)
    lines.append("-" * columns)
    lines += _listed(say("slip.materials"), slip.materials, columns, empty=say("slip.none"))
    if slip.promised:
        lines += _listed(say("slip.promised"), slip.promised, columns, empty="")
    lines += _listed(say("slip.missing"), slip.missing, columns, empty=say("slip.complete"))
    lines.append("-" * columns)
    lines += wrap_cells(say(f"slip.capacity.{slip.capacity}"), columns)
    if slip.token:
        lines += ["", *wrap_cells(say("slip.token", token=grouped(slip.token)), columns)]
    lines.append("-" * columns)
    proof = "slip.proof" if slip.checkpoint else "slip.proof_act"
    lines += wrap_cells(say(proof, act=slip.act, checkpoint=slip.checkpoint), columns)
    lines += wrap_cells(say("slip.seal"), columns)
    if slip.training:
        lines += [_centred(say("slip.training"), columns)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _centred(text: str, width: int) -> str:
    return " " * max(0, (width - cell_width(text)) // 2) + text


def _labelled(label: str, text: str, width: int) -> list[str]:
    left = cell_width(label)
    wrapped = wrap_cells(text, width - left)
    return [label + wrapped[0], *(" " * left + line for line in wrapped[1:])]


def _listed(heading: str, names: Sequence[str], width: int, *, empty: str) -> list[str]:
    if not names:
        return [heading + empty]
    lines = [heading]
    for number, name in enumerate(names, start=1):
        mark = f"{number}. "
        wrapped = wrap_cells(name, width - len(mark) - 1)
        lines += [" " + mark + wrapped[0], *(" " + pad("", len(mark)) + line for line in wrapped[1:])]
    return lines


def _material(say: Say, item: Item, code: str) -> str:
    paper = item.materials.get(code)
    return say.pick(paper.name) if paper is not None else shown(code)


def grouped(token: str) -> str:
    """Return a token in groups of four, as people read it aloud."""
    return " ".join(token[at : at + 4] for at in range(0, len(token), 4))
