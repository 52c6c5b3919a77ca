"""Forms that are kept while somebody fills them in: a power cut, a lock or a restart loses nothing typed.

The one form of a receipt, a return or an action has its draft at addresses of its own (``cases.drafting``).
Here are all other forms in which somebody types more than a line or two: ``FORMS`` names them, their
templates say ``data-draft`` with the page to come back to, and ``typed.js`` keeps them. Each page lists what
waits on it for whoever acts; none is filled in before somebody chooses it, so that no two tabs hold one form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from ledger.errors import InputError
from ledger.facade import Ledger
from ledger.store import schema
from stations.web.answers import answer
from stations.web.drafts import WORD_BYTES, Draft, Drafts, Form, is_word
from stations.web.oncewords import OnceWords, Spent
from stations.web.settled import is_settled
from stations.web.unsigned import KEPT_ACTION, KEPT_PAGE, SECRET
from stations.web.visit import Visit, first, form_of, own_path, see_other

NOT_KEPT = SECRET | {"draft", "files"}
"""Fields that are no part of a draft."""
FORMS = (
    (re.compile(r"/enrol"), "web.enrol_title"),
    (re.compile(r"/people/[^/]+/grant"), "web.grant_title"),
    (re.compile(r"/people/[^/]+/key"), "web.reset_title"),
    (re.compile(r"/stations/new"), "web.station_new"),
    (re.compile(r"/stations/[^/]+/invite"), "web.invite_title"),
    (re.compile(r"/joins/[^/]+/refuse"), "web.join_refuse"),
    (re.compile(r"/platform/enter"), "web.nav_platform"),
    (re.compile(r"/orders/answer"), "web.order_answer"),
    (re.compile(r"/roster/[^/]+/sign"), "web.roster_go"),
)
"""Addresses to which forms are sent that are kept meanwhile, and words for what each does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What waits on a page for who acts.

    Attributes:
        restored: the draft that the address names; its form is filled in.
        others: what else was not finished there, the newest first.
        sent: a form that was refused just now: it goes on under the same word.
    """

    restored: Draft | None
    others: Sequence[Draft]
    sent: Draft | None


def title_of(action: str) -> str:
    """Return the key of the words for what a form does by the address it is sent to; "" for one not kept."""
    return next((words for pattern, words in FORMS if pattern.fullmatch(action)), "")


async def keep(visit: Visit) -> web.Response:
    """Keep what stands in a form now; a script asks, and tells its person what became of it.

    Raises:
        InputError: ``web.no_page`` for a form that is not kept; ``web.draft_large``.
        AuthorityError: ``web.form`` for a word that no page gave out. StoreError: ``store.*``.
    """
    form = await form_of(visit)
    action, page = own_path(first(form, KEPT_ACTION)), own_path(first(form, KEPT_PAGE))
    if not title_of(action):
        raise InputError("web.no_page", path=action[:80])
    await keep_unless_over(visit, draft_of(visit, form, page=page, action=action))
    return answer({"kept": True})


async def keep_unless_over(visit: Visit, draft: Draft) -> None:
    """Keep a draft, unless its form was signed or thrown away meanwhile.

    Raises:
        InputError: ``web.draft_large``, ``web.drafts_full``.
        AuthorityError: ``web.form`` for a word that no page gave out. StoreError: ``store.*``.
    """
    if is_over(visit, draft.word):
        return
    drafts = drafts_of(visit)
    await visit.office.access.aside(lambda: drafts.keep(draft))
    if is_over(visit, draft.word):
        # Signed while this was written down: it would come back as if it had not been.
        await visit.office.access.aside(lambda: drafts.drop(draft.staff_no, draft.word))


async def drop(visit: Visit) -> web.Response:
    """Throw a draft away, and with it what was sent of the same form while the browser was locked."""
    form = await form_of(visit)
    word = first(form, "dropped")
    visit.browser.unsigned.drop_draft(visit.person.staff_no, str(visit.station), word)
    await ended(visit, word)
    return see_other(own_path(first(form, "back")))


async def here(visit: Visit, path: str) -> Typed:
    """Return what waits on a page, without what came too late: that is shown as such.

    Args:
        visit: the request.
        path: of the page, without its query.
    """
    found = [
        one for one in await mine(visit) if one.action and one.page.partition("?")[0] == path
    ]  # fmt: skip
    if visit.request.method != "GET":
        form = await form_of(visit)
        word = first(form, "draft")
        others = [one for one in found if one.word != word]
        sent = draft_of(visit, form, page=path, action=visit.request.rel_url.path)
        return Typed(restored=None, others=others, sent=sent if is_word(word) else None)
    wanted = visit.request.query.get("draft", "")
    restored = next((one for one in found if one.word == wanted), None)
    return Typed(restored=restored, others=[one for one in found if one is not restored], sent=None)


def draft_of(visit: Visit, form: Mapping[str, Sequence[str]], *, page: str, action: str = "") -> Draft:
    """Return what stands in a form as the draft of who acts.

    Args:
        visit: the request.
        form: texts by field; ``draft`` is the draft's word.
        page: path and query of the page on which it stands, without the draft.
        action: where it is sent, of a form that is kept here.
    """
    return Draft(
        word="".join(form.get("draft", ())),
        staff_no=visit.person.staff_no,
        station=str(visit.person.station),
        page=page,
        at_ms=visit.now_ms(),
        form=fields_kept(form),
        action=action,
    )


def fields_kept(form: Form) -> Form:
    """Return the fields of a form that its draft keeps."""
    return {name: texts for name, texts in form.items() if name not in NOT_KEPT and any(texts)}


def is_stored(ledger: Ledger, signed: Draft | Spent) -> bool:
    """Tell whether the ledger holds the act that a draft was signed as, or a one-time word was spent on."""
    if not signed.act:
        return False
    with ledger.reading() as (tx, _):
        return tx.get(schema.ACTS, (bytes.fromhex(signed.case), bytes.fromhex(signed.act))) is not None


async def mine(visit: Visit) -> list[Draft]:
    """Return what who acts has not finished at the station, the newest first, but for what came too late.

    Of those that were signed only what the ledger holds is still said to be (``act``). A form kept here that
    was done is no draft any more.
    """
    drafts, person = drafts_of(visit), visit.person
    late = {one.draft for one in visit.unsigned}
    found = await visit.office.access.aside(lambda: drafts.of(person.staff_no, str(person.station)))
    found = [one for one in found if one.word not in late]
    if not any(one.act or one.action for one in found):
        return found
    home, randomness = visit.office.home, visit.office.randomness

    def told(ledger: Ledger) -> list[Draft]:
        waiting = []
        for one in found:
            if one.action and is_settled(home, randomness, ledger, one):
                # A page that is still open goes on keeping what else is typed into it.
                drafts.drop(one.staff_no, one.word)
            else:
                is_signed = not one.changed and is_stored(ledger, one)
                waiting.append(one if is_signed else replace(one, act=""))
        return waiting

    return await visit.read(told)


async def ended(visit: Visit, word: str, where: str = "") -> None:
    """Forget a draft that was signed or is not wanted.

    Args:
        visit: the request.
        word: of the draft.
        where: the page of what it became; "" for nothing.
    """
    drafts, staff_no = drafts_of(visit), visit.person.staff_no
    visit.browser.remember_done(mark(word), where)
    await visit.office.access.aside(lambda: drafts.drop(staff_no, word))


async def forget_below(visit: Visit, path: str) -> None:
    """Throw away what anybody was typing about what a path names: drafts, and forms that came too late."""
    drafts, browsers = drafts_of(visit), visit.office.browsers
    browsers.forget_below(path)

    def work() -> None:
        drafts.drop_below(path)
        # Forms of people who have not come back since the station was started.
        browsers.kept.drop_below(path)

    await visit.office.access.aside(work)


def is_over(visit: Visit, word: str) -> bool:
    """Tell whether a draft was signed or thrown away in this browser."""
    return mark(word) in visit.browser.done


def outcome_of(visit: Visit, word: str) -> str | None:
    """Return the page of what a draft became in this browser; "" for nothing, None while it is one."""
    return visit.browser.done.get(mark(word))


def new_word(visit: Visit) -> str:
    """Return a word for another draft."""
    return visit.office.randomness(WORD_BYTES).hex()


def drafts_of(visit: Visit) -> Drafts:
    """Return the drafts of the installation."""
    return Drafts(visit.office.home, visit.office.randomness)


def words_of(visit: Visit) -> OnceWords:
    """Return the one-time words of the installation."""
    return OnceWords(visit.office.home, visit.office.randomness)


def mark(word: str) -> str:
    """Return under which one-time word a draft is known."""
    return f"draft {word}"
