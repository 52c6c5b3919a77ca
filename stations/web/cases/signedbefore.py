"""A form that was signed just before a power cut is not signed twice.

Its draft and its one-time word say which act it becomes before that is stored. Where the ledger holds the
act, the form leads to what came of it: a receipt to its slip, with the rating code that no act holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlencode

from ledger.errors import InputError, RuleError
from ledger.facade import Ledger, SignedAct
from ledger.facade.base.types import Noted
from ledger.formats.act import CASE_ID_BYTES
from ledger.types import CaseId
from stations.web import typed as typing
from stations.web.cases import drafting
from stations.web.cases.attaching import GIVEN
from stations.web.cases.factforms import EVIDENCE_FIELD
from stations.web.drafts import Draft, Form, is_word, said_by
from stations.web.oncewords import Spent
from stations.web.typed import words_of
from stations.web.visit import Visit, first

SIGNED_BEFORE = "web.signed_before"
_OF_FILES = frozenset((GIVEN, EVIDENCE_FIELD))


def noting(visit: Visit, form: Mapping[str, list[str]], case_id: CaseId | None = None) -> Noted | None:
    """Return what writes down, by one-time word and in the draft of a form, which act it becomes.

    None for a form that has neither.

    Args:
        visit: the request that signs it.
        form: what is signed.
        case_id: the case of the act; None where it opens one.
    """
    is_kept = is_word(first(form, "draft"))
    if not _words_in(form):
        return None
    drafts, kept = typing.drafts_of(visit), drafting.sent_draft(visit, form)
    words, staff_no, said = words_of(visit), visit.person.staff_no, said_in(visit, form)

    def note(signed: SignedAct) -> None:
        case = (case_id if case_id is not None else signed.act_id[:CASE_ID_BYTES]).hex()
        act, token = signed.act_id.hex(), signed.token
        spent = Spent(act=act, case=case, token=token, said=said, at_ms=visit.now_ms())
        for word in _words_in(form):
            words.spend(staff_no, word, spent)
        if is_kept:
            drafts.note_signed(kept, act=act, case=case, token=token, said=said_by(kept.form))

    return note


def signed_before(visit: Visit, ledger: Ledger, form: Mapping[str, list[str]]) -> str:
    """Return where a form leads that is in the ledger already as it stands; "" for any other.

    Raises:
        RuleError: ``web.signed_before`` where something else is in the ledger that was signed from this form.
    """
    staff_no = visit.person.staff_no
    draft = typing.drafts_of(visit).named(staff_no, first(form, "draft"))
    known = stored_of(visit, ledger, form) or draft
    if known is None or not typing.is_stored(ledger, known):
        return ""
    sent = drafting.sent_draft(visit, form)
    said = said_in(visit, form) if isinstance(known, Spent) else said_by(sent.form)
    if said != known.said:
        raise spent_on_another(ledger, known)
    return _taken_up(visit, known, sent.page)


def spent_on_another(ledger: Ledger, known: Draft | Spent) -> RuleError:
    """Return that something else was signed from a form, or under a one-time word, with its case's number."""
    return RuleError(SIGNED_BEFORE, number=ledger.state(CaseId(bytes.fromhex(known.case)))[0].number)


def said_in(visit: Visit, form: Mapping[str, list[str]]) -> str:
    """Return a digest of what a form says: another form under the same one-time word is asked about.

    Without its files: those that come with a form are kept under another name each time it is sent.
    """
    sent = drafting.sent_draft(visit, form).form
    return said_by({name: texts for name, texts in sent.items() if name not in _OF_FILES})


def stored_by(visit: Visit, ledger: Ledger, once: str) -> Spent | None:
    """Return what a one-time word of who acts was spent on, if the ledger holds the act."""
    spent = words_of(visit).spent(visit.person.staff_no, once)
    return spent if spent is not None and typing.is_stored(ledger, spent) else None


def stored_of(visit: Visit, ledger: Ledger, form: Mapping[str, list[str]]) -> Spent | None:
    """Return what a form was signed as, wherever it was open: by its one-time word, or by its draft's."""
    found = (stored_by(visit, ledger, word) for word in _words_in(form))
    return next((spent for spent in found if spent is not None), None)


def _words_in(form: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return the words by which a form is known: each page that shows a draft has a one-time word itself."""
    once, draft = first(form, "once"), first(form, "draft")
    return tuple(word for word in (once, typing.mark(draft) if is_word(draft) else "") if word)


async def led(visit: Visit, given: Form) -> str:
    """Return where a page leads whose form is in the ledger already, or is gone; "" for a page to be shown.

    "Back" of a browser comes here after a form was signed: an empty form with a button to sign it would stand
    at the address of the last step.

    Args:
        visit: the request for the page.
        given: what was sent of it while the browser was locked; empty for nothing.
    """
    word = "".join(given.get("draft", ())) or visit.request.query.get("draft", "")
    if not is_word(word):
        return ""
    became = typing.outcome_of(visit, word)
    if became and not given:
        visit.tell("web.draft_done")
        return became
    staff_no, drafts = visit.person.staff_no, typing.drafts_of(visit)
    draft = await visit.office.access.aside(lambda: drafts.named(staff_no, word))
    if draft is None and not given:
        return _anew(visit)
    if draft is None or not draft.act:
        return ""
    sent: Mapping[str, Sequence[str]] = typing.fields_kept(given)
    is_same = said_by(sent) == draft.said if sent else not draft.changed
    if not is_same or not await visit.read(lambda ledger: typing.is_stored(ledger, draft)):
        return ""
    visit.browser.unsigned.drop_draft(staff_no, str(visit.station), word)
    where = _taken_up(visit, draft, draft.page)
    await typing.ended(visit, word, where)
    return where


async def as_another(visit: Visit, form: dict[str, list[str]]) -> None:
    """Let what stands in a form be another draft: from the one it had something else was signed."""
    before = first(form, "draft")
    form["draft"] = [typing.new_word(visit)]
    with suppress(InputError):
        await drafting.keep_form(visit, form)
    await typing.ended(visit, before)


def _anew(visit: Visit) -> str:
    query = {name: text for name, text in visit.request.query.items() if name not in ("draft", "step")}
    return f"{visit.request.path}{'?' if query else ''}{urlencode(query)}"


def _taken_up(visit: Visit, known: Draft | Spent, page: str) -> str:
    if known.token:
        visit.browser.slips[known.case] = (known.token, "")
    visit.tell("web.signed_before_told")
    where = f"/case/{known.case}"
    path = page.partition("?")[0]
    return f"{where}/slip" if path.startswith("/receive/") and not path.endswith("/return") else where
