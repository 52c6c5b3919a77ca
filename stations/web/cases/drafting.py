"""Drafts on the screen, of receipts and of actions: kept while somebody types, listed, ended by the act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from ledger.errors import BanjianError
from ledger.facade import Ledger
from ledger.types import CaseId
from stations.web.cases.items import item_of
from stations.web.drafts import Draft, Form, is_word
from stations.web.render import render_part
from stations.web.typed import (
    draft_of,
    ended,
    forget_below,
    is_over,
    keep_unless_over,
    mine,
    new_word,
    title_of,
)
from stations.web.unsigned import STEP
from stations.web.visit import Visit, first, form_of, own_path, see_other
from stations.words.casenames import action_name

OVER = "X-Banjian-Over"
"""Header of the answer to a draft whose form was signed: there is nothing left to keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A draft in a list; ``item`` is what is applied for, or what is done, in words."""

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
        return web.Response(status=204, headers={OVER: "1"})
    return render_part(visit, "draft_kept.html", draft=draft)


async def keep_form(visit: Visit, form: Mapping[str, list[str]]) -> Draft:
    """Keep what stands in a form, unless it was signed or thrown away meanwhile.

    Raises:
        AuthorityError: ``web.form`` for a word that no page gave out. StoreError: ``store.*``.
    """
    draft = sent_draft(visit, form)
    await keep_unless_over(visit, draft)
    return draft


def sent_draft(visit: Visit, form: Mapping[str, list[str]]) -> Draft:
    """Return what stands in a form that was sent, as its draft has it."""
    path = visit.request.path
    if title_of(path):
        # No page stands where it is sent: one to which it leads afterwards has it as well.
        page = first(form, "next") or path.rpartition("/")[0]
        return draft_of(visit, form, page=own_path(page), action=path)
    return draft_of(visit, form, page=_page(visit, form))


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


async def forget(visit: Visit, case: str) -> None:
    """Throw away what anybody was typing about a case whose personal data were erased: drafts, late forms.

    Args:
        case: the case in hexadecimal.
    """
    await forget_below(visit, f"/case/{case}")


async def here(visit: Visit, page: str, given: Form) -> FormDraft:
    """Return the draft of a form that is shown.

    Args:
        page: path and query of the page, without the draft.
        given: what it was filled in with otherwise: it was refused, or sent while the browser was locked.
    """
    wanted = "".join(given.get("draft", ())) or visit.request.query.get("draft", "")
    found = [one for one in await mine(visit) if one.page == page]
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
    return [one for one in await waiting(visit) if one.draft.page.startswith("/receive/")]


async def waiting(visit: Visit) -> list[DraftLine]:
    """Return everything that somebody has not finished at the station: receipts, actions, other forms."""
    found = await mine(visit)

    def named(ledger: Ledger) -> list[DraftLine]:
        return [DraftLine(draft=one, item=_told(visit, ledger, one)) for one in found]

    return await visit.read(named) if found else []


async def unfinished_at(visit: Visit, case: str) -> dict[str, list[Draft]]:
    """Return what somebody has not finished to do to a case, by action.

    Args:
        case: the case in hexadecimal.
    """
    found: dict[str, list[Draft]] = {}
    for one in await mine(visit):
        before, _, action = one.page.partition("?")[0].rpartition("/do/")
        if before == f"/case/{case}":
            found.setdefault(action, []).append(one)
    return found


def _told(visit: Visit, ledger: Ledger, draft: Draft) -> str:
    """Return what a draft is for: the item, the case and the action, or what its form does."""
    words = title_of(draft.action)
    if words:
        return visit.say(words)
    parts = draft.page.partition("?")[0].split("/")
    with suppress(BanjianError, ValueError):
        if parts[1] == "receive":
            return visit.say.pick(item_of(ledger, parts[2]).name)
        state, case_type = ledger.state(CaseId(bytes.fromhex(parts[2])))
        return f"{state.number} {action_name(visit.say, case_type.case_type, parts[4])}"
    return parts[-1]


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
