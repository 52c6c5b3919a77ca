"""Drafts on the screen, of receipts and of actions: kept while somebody types, listed, ended by the act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from aiohttp import web

from ledger.errors import InputError
from ledger.facade import Ledger
from ledger.store import schema
from stations.web.cases.drafts import WORD_BYTES, Draft, Drafts, Form, is_word
from stations.web.cases.items import item_of
from stations.web.render import render_part
from stations.web.unsigned import STEP
from stations.web.visit import Visit, first, form_of, own_path, see_other

NOT_KEPT = frozenset(("form", "once", "files", "draft"))
"""Fields that are no part of a draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A draft in a list; ``item`` is what is applied for, in words."""

    draft: Draft
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormDraft:
    """The draft of a form that is shown.

    Attributes:
        word: under which it is kept.
        form: what the form is filled in with.
        restored: where that comes from; None for another source.
        others: what else was not finished on the same page.
    """

    word: str
    form: Form
    restored: Draft | None
    others: Sequence[Draft]


async def keep(visit: Visit) -> web.Response:
    """Keep what stands in the form now."""
    draft = await keep_form(visit, await form_of(visit))
    if is_over(visit, draft.word):
        # Sent while the act was signed: what was typed is in the ledger.
        return web.Response(status=204)
    return render_part(visit, "draft_kept.html", draft=draft)


async def keep_form(visit: Visit, form: Mapping[str, list[str]]) -> Draft:
    """Keep what stands in a form, unless it was signed or thrown away meanwhile.

    Raises:
        AuthorityError: ``web.form`` for a word that no page gave out. StoreError: ``store.*``.
    """
    draft = draft_of(visit, form)
    if not is_over(visit, draft.word):
        drafts = drafts_of(visit)
        await visit.office.access.aside(lambda: drafts.keep(draft))
    return draft


def draft_of(visit: Visit, form: Mapping[str, list[str]]) -> Draft:
    """Return what stands in a form that was sent, as its draft has it."""
    return Draft(
        word=first(form, "draft"),
        staff_no=visit.person.staff_no,
        station=str(visit.person.station),
        page=_page(visit, form),
        at_ms=visit.now_ms(),
        form=fields_kept(form),
    )


def fields_kept(form: Form) -> Form:
    """Return the fields of a form that its draft keeps."""
    return {name: texts for name, texts in form.items() if name not in NOT_KEPT and any(texts)}


def is_stored(ledger: Ledger, draft: Draft) -> bool:
    """Tell whether the ledger holds the act that a draft was signed as."""
    if not draft.act:
        return False
    with ledger.reading() as (tx, _):
        return tx.get(schema.ACTS, (bytes.fromhex(draft.case), bytes.fromhex(draft.act))) is not None


def is_over(visit: Visit, word: str) -> bool:
    """Tell whether a draft was signed or thrown away in this browser."""
    return _mark(word) in visit.browser.done


def outcome_of(visit: Visit, word: str) -> str | None:
    """Return the page of what a draft became in this browser; "" for nothing, None while it is one."""
    return visit.browser.done.get(_mark(word))


def new_word(visit: Visit) -> str:
    """Return a word for another draft."""
    return visit.office.randomness(WORD_BYTES).hex()


async def drop(visit: Visit) -> web.Response:
    """Throw a draft away, and with it what was sent of the same form while the browser was locked."""
    form = await form_of(visit)
    word = first(form, "dropped")
    visit.browser.unsigned.drop_draft(visit.person.staff_no, str(visit.station), word)
    await ended(visit, word)
    return see_other(own_path(first(form, "back")) if first(form, "back") else _page(visit, form))


async def drop_unsigned(visit: Visit) -> web.Response:
    """Throw a form away that came while the browser was locked, and with it the draft of the same form.

    Other forms of the page, and their drafts, stay.
    """
    form = await form_of(visit)
    word = first(form, "draft")
    visit.browser.unsigned.drop(visit.person.staff_no, str(visit.station), first(form, "action"), word)
    if is_word(word):
        await ended(visit, word)
    return see_other(own_path(first(form, "next")))


async def ended(visit: Visit, word: str, where: str = "") -> None:
    """Forget a draft that was signed or is not wanted.

    Args:
        visit: the request.
        word: of the draft.
        where: the page of what it became; "" for nothing.
    """
    drafts, staff_no = drafts_of(visit), visit.person.staff_no
    visit.browser.remember_done(_mark(word), where)
    await visit.office.access.aside(lambda: drafts.drop(staff_no, word))


async def forget(visit: Visit, case: str) -> None:
    """Throw away what anybody was typing about a case whose personal data were erased: drafts, late forms.

    Args:
        case: the case in hexadecimal.
    """
    drafts, browsers, path = drafts_of(visit), visit.office.browsers, f"/case/{case}"
    browsers.forget_below(path)

    def work() -> None:
        drafts.drop_case(case)
        # Forms of people who have not come back since the station was started.
        browsers.kept.drop_below(path)

    await visit.office.access.aside(work)


async def here(visit: Visit, page: str, given: Form) -> FormDraft:
    """Return the draft of a form that is shown.

    Args:
        page: path and query of the page, without the draft.
        given: what it was filled in with otherwise: it was refused, or sent while the browser was locked.
    """
    wanted = "".join(given.get("draft", ())) or visit.request.query.get("draft", "")
    found = [one for one in await _mine(visit) if one.page == page]
    opened = next((one for one in found if one.word == wanted), None)
    typed = any(name != "pad" for name in given)
    if opened is not None:
        word = opened.word
    elif typed and is_word(wanted):
        word = wanted
    else:
        word = new_word(visit)
    return FormDraft(
        word=word,
        form=given if typed or opened is None else opened.form,
        restored=None if typed else opened,
        others=[one for one in found if one is not opened],
    )


async def unfinished(visit: Visit) -> list[DraftLine]:
    """Return what somebody has not finished to receive at the station, whatever it is about."""
    mine = [one for one in await _mine(visit) if one.page.startswith("/receive/")]

    def named(ledger: Ledger) -> list[DraftLine]:
        return [DraftLine(draft=one, item=_item(visit, ledger, one)) for one in mine]

    return await visit.read(named) if mine else []


async def unfinished_at(visit: Visit, case: str) -> dict[str, list[Draft]]:
    """Return what somebody has not finished to do to a case, by action.

    Args:
        case: the case in hexadecimal.
    """
    found: dict[str, list[Draft]] = {}
    for one in await _mine(visit):
        before, _, action = one.page.partition("?")[0].rpartition("/do/")
        if before == f"/case/{case}":
            found.setdefault(action, []).append(one)
    return found


def _item(visit: Visit, ledger: Ledger, draft: Draft) -> str:
    code = draft.page.split("/")[2].partition("?")[0]
    try:
        return visit.say.pick(item_of(ledger, code).name)
    except InputError:
        return code


async def _mine(visit: Visit) -> list[Draft]:
    """Return the drafts of who acts; of those that were signed only what the ledger holds is still so."""
    drafts, person = drafts_of(visit), visit.person
    found = await visit.office.access.aside(lambda: drafts.of(person.staff_no, str(person.station)))
    if not any(one.act for one in found):
        return found

    def settled(ledger: Ledger) -> list[Draft]:
        return [one if not one.changed and is_stored(ledger, one) else replace(one, act="") for one in found]

    return await visit.read(settled)


def _page(visit: Visit, form: Mapping[str, list[str]]) -> str:
    """Return the page to whose form an address of drafts belongs."""
    path = visit.request.path.removesuffix(STEP).removesuffix("/drop").removesuffix("/draft")
    return page_of(path, form)


def page_of(path: str, form: Form) -> str:
    """Return path and query of a page: what is typed from each pad, or to amend each act, is another form."""
    pad = "".join(form.get("pad", ()))
    target = "".join(form.get("f.target", ())) if path.endswith("/do/amend") else ""
    names = {name: text for name, text in (("pad", pad), ("target", target)) if text}
    return f"{path}?{urlencode(names)}" if names else path


def _mark(word: str) -> str:
    return f"draft {word}"


def drafts_of(visit: Visit) -> Drafts:
    """Return the drafts of the installation."""
    return Drafts(visit.office.home, visit.office.randomness)
