"""Receiving step by step (一步一步来): a part of the form at a time, kept as a draft before the next.

The other way is the whole form on one page, for who does it all day. Both are the same form and the same
draft: whoever goes over to the other way goes on with what was typed. Each step is a page of its own from the
station, so that it works without script, and "back" of the browser goes a step back. Which way somebody
takes is remembered for the person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from ledger.errors import BanjianError, InputError, StoreError
from ledger.rules.item import Item
from stations.kept.sealed import SealedFolder
from stations.papers.handed import missing_in
from stations.texts import Say
from stations.web import typed as typing
from stations.web.cases import drafting
from stations.web.cases.attaching import GIVEN, of_form
from stations.web.cases.factforms import Field
from stations.web.unsigned import STEP
from stations.web.visit import Visit, first, form_of, own_path, see_other

APPLICANT_STEP, PAPERS_STEP, MORE_STEP, SIGN_STEP = STEPS = ("applicant", "materials", "more", "sign")
PAGE_WAY, STEPS_WAY = WAYS = ("page", "steps")
FOLDER: Final = "ways"
PAPERS: Final = frozenset(("f.materials", "f.originals", "f.commitments"))
_LATE: Final = "f.late_entry."
_NOT_CARRIED: Final = frozenset(("form", "once", "draft", "files", "pad", "same_number"))
"""Fields that every step has for itself."""
_PEOPLE: Final = {
    "applicant": ("name", "id_kind", "id_no", "phone", "address"),
    "agent": ("name", "id_kind", "id_no", "phone", "relation", "authority"),
}

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepping:
    """Which part of the form a page shows.

    Attributes:
        step: one of ``STEPS``; "" where the page shows all of them.
        carried: (name, text) of what was typed in the other parts.
    """

    step: str
    carried: Sequence[tuple[str, str]] = ()

    @property
    def before(self) -> str:
        """The step before; "" for none."""
        return STEPS[STEPS.index(self.step) - 1] if self.step and self.step != STEPS[0] else ""

    @property
    def after(self) -> str:
        """The step that comes next; "" for none."""
        return STEPS[STEPS.index(self.step) + 1] if self.step and self.step != STEPS[-1] else ""

    def shows(self, step: str) -> bool:
        """Tell whether the page shows a part of the form."""
        return self.step in ("", step)


async def way_of(visit: Visit) -> str:
    """Return the way that the person chose; "" for none."""
    folder, name = _folder(visit), _name(visit)
    raw: bytes | None = None
    # A choice that cannot be read is as good as none.
    with suppress(StoreError):
        raw = await visit.office.access.aside(lambda: folder.read(name))
    way = (raw or b"").decode("ascii", "replace")
    return way if way in WAYS else ""


async def choose_way(visit: Visit) -> web.Response:
    """Remember which way the person takes from now on."""
    form = await form_of(visit)
    await _remember(visit, first(form, "way"))
    return see_other(own_path(first(form, "next")))


async def go_on(visit: Visit, form: dict[str, list[str]]) -> str:
    """Keep what stands in a form as its draft; return the address of the step that the address asks for.

    What was typed is kept before its files are taken: a file that is refused takes nothing along. A form
    whose draft was signed or thrown away meanwhile goes on as another draft, and is told so.

    Args:
        visit: the request.
        form: what was sent; gets the hashes of its files, and the word of another draft.

    Raises:
        InputError: ``attach.*``, ``web.draft_large``, ``web.choice``. AuthorityError: ``web.form``.
        StoreError: ``store.*``.
    """
    query, sent, brought = visit.request.query, first(form, "draft"), form.get(GIVEN, [])
    again = typing.is_over(visit, sent)
    if again:
        form["draft"] = [typing.new_word(visit)]
    draft = await drafting.keep_form(visit, form)
    if again:
        visit.tell("web.draft_again")
    await of_form(visit, form)
    if form[GIVEN] != brought:
        draft = await drafting.keep_form(visit, form)
    if "way" in query:
        await _remember(visit, query["way"])
    staff_no, station = visit.person.staff_no, str(visit.station)
    # What was sent too late is in the draft now.
    visit.browser.unsigned.drop(staff_no, station, visit.request.path.removesuffix(STEP), sent)
    step, way = query.get("to", ""), await way_of(visit)
    names = {"step": step if step in STEPS else STEPS[0]} if way == STEPS_WAY else {}
    return f"{draft.where}{'&' if names else ''}{urlencode(names)}"


async def come_back(visit: Visit) -> web.Response:
    """Lead to the form whose step was refused: its page stands at an address to which forms are sent."""
    query = visit.request.query
    names = {name: text for name in ("draft", "pad", "step") if (text := query.get(name, ""))}
    return see_other(f"{visit.request.path.removesuffix(STEP)}{'?' if names else ''}{urlencode(names)}")


async def stepping(visit: Visit, form: Form, error: BanjianError | None) -> Stepping:
    """Return which part of a form is shown: the one that the address names, or where something is wrong."""
    if await way_of(visit) != STEPS_WAY:
        return Stepping(step="")
    wanted = visit.request.query.get("step", "")
    here = wanted if wanted in STEPS else STEPS[0] if error is None else SIGN_STEP
    step = here if error is None else _step_of_error(error, here)
    pad = bool("".join(form.get("pad", ())))
    carried = [
        (name, text)
        for name, texts in form.items()
        if name not in _NOT_CARRIED and _step_of(name, pad=pad) != step
        for text in texts
        if text
    ]
    return Stepping(step=step, carried=carried)


def review(
    say: Say, item: Item, form: Form, fields: Sequence[Field], files: Sequence[str]
) -> list[tuple[str, str]]:
    """Return what was typed, line by line, to be read once more before it is signed.

    Args:
        say: words of the page.
        item: what is applied for.
        form: what was typed.
        fields: the controls of the facts, with what was given.
        files: names of the attached files.
    """
    given = {name: "".join(texts).strip() for name, texts in form.items()}
    lines = []
    for role, names in _PEOPLE.items():
        for name in names:
            text = given.get(f"{role}.{name}", "")
            if name == "id_kind":
                text = say(f"id_kind.{text}") if text and given.get(f"{role}.id_no") else ""
            lines.append((say(f"person.{role}.{name}"), text))
    handed, promised = (set(form.get(name, ())) for name in ("f.materials", "f.commitments"))
    missing = [say.pick(item.materials[code].name) for code in missing_in(item, handed | promised)]
    lines += [(field.label, _told(say, field)) for field in fields if any(field.given)]
    lines.append((say("web.review_missing"), say("list.and").join(missing)))
    lines.append((say("web.at"), given.get("at", "").replace("T", " ")))
    lines.append((say("person.text"), given.get("text", "")))
    lines.append((say("web.attachments"), say("list.and").join(files)))
    return [(label, text) for label, text in lines if text]


def _told(say: Say, field: Field) -> str:
    """Return what was given for a control as people read it."""
    words = dict(field.choices)
    if field.control == "check":
        return "✓"
    return say("list.and").join(words.get(text, text) for text in field.given if text)


def _step_of(name: str, *, pad: bool) -> str:
    if name.startswith("applicant.") or name == "f.proof_kind":
        return APPLICANT_STEP
    if pad and (name == "at" or name.startswith(_LATE)):
        return APPLICANT_STEP
    return PAPERS_STEP if name in PAPERS else MORE_STEP


def _step_of_error(error: BanjianError, here: str) -> str:
    """Return where the cause of an error was typed; ``here`` where no field alone is its cause."""
    if error.code.startswith(("identity.", "pad.")):
        about_agent = "agent" in error.code or "agent" in error.params.values()
        return MORE_STEP if about_agent else APPLICANT_STEP
    if not isinstance(error, InputError):
        return here
    path = str(error.params.get("field", ""))
    if path == "proof_kind":
        return APPLICANT_STEP
    if any(path.partition(".")[0] == name.removeprefix("f.") for name in PAPERS):
        return PAPERS_STEP
    return MORE_STEP if path or error.code.startswith("attach.") else here


async def _remember(visit: Visit, way: str) -> None:
    if way not in WAYS:
        raise InputError("web.choice", field="way", value=way[:40])
    folder, name = _folder(visit), _name(visit)
    await visit.office.access.aside(lambda: folder.keep(name, way.encode("ascii")))


def _folder(visit: Visit) -> SealedFolder:
    return SealedFolder(visit.office.home, FOLDER, visit.office.randomness)


def _name(visit: Visit) -> str:
    return sha256(visit.person.staff_no.encode("utf-8")).hexdigest()[:32]
