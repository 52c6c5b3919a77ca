"""What somebody was typing when the power failed: kept on the disk, encrypted, until the act is signed.

A draft is no act: nobody but its author sees it, it never syncs, and it is gone once it was signed or thrown
away. Every form that is opened has a draft of its own, so that two pages open side by side never write over
each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256

from ledger.errors import AuthorityError, InputError, StoreError
from ledger.facade import Home
from ledger.facade.base.clock import Randomness
from stations.kept.sealed import SealedFolder

FOLDER = "drafts"
BYTES_MAX = 64 * 1024
SHOWN_CHARS = 24
KEPT_MAX = 24
"""Drafts of one person: another one is refused, nothing that was typed gives way to it."""
WORD_BYTES = 8
CASE = "case"
"""Field of forms about a case that stand on pages of many."""
_TELLING = ("name", "reply", "reason", "f.external_no", "addresses", "order_no", "no", "station")
"""Fields of other forms, what somebody wrote before what only names something."""
_CASE_ID, _CASE_PAGE = re.compile(r"[0-9a-f]{32}"), re.compile(r"^/case/([0-9a-f]{32})\b")

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in one form that is not signed.

    Attributes:
        word: which form it is: hexadecimal digits.
        staff_no: whose it is.
        station: for which station it is filled in.
        page: path and query of the page on which the form stands, without the draft.
        at_ms: when it was kept.
        form: texts by field.
        action: the path to which a form of a page with several, or of another page, is sent; "" for the one
            form of a receipt, a return or an action.
        act: the act that it was signed as, in hexadecimal digits, written down before that was stored: after
            a power cut the ledger says whether it was; "" where nobody signed it.
        case: the case of that act.
        token: the rating token of a receipt: no act holds it.
        said: what the form said when it was signed, as ``said_by`` has it.
        changed: whether something else was typed since.
    """

    word: str
    staff_no: str
    station: str
    page: str
    at_ms: int
    form: Form
    action: str = ""
    act: str = ""
    case: str = ""
    token: str = ""
    said: str = ""
    changed: bool = False

    @property
    def where(self) -> str:
        """The address at which it is gone on with."""
        return f"{self.page}{'&' if '?' in self.page else '?'}draft={self.word}"

    @property
    def who(self) -> str:
        """What tells it from others: name, number or telephone of the applicant, or the first words."""
        return first_words(self.page, self.form)

    def is_below(self, path: str) -> bool:
        """Whether it is about what a path names: it stands there, goes there, names the case or opened it."""
        opened = bool(self.case) and path == f"/case/{self.case}"
        return opened or is_about(path, (self.page, self.action), self.form)


class Drafts:
    """Keeps the drafts of everybody, in ``drafts/`` of the installation."""

    def __init__(self, home: Home, randomness: Randomness) -> None:
        self._folder = SealedFolder(home, FOLDER, randomness)

    def keep(self, draft: Draft) -> None:
        """Keep what is in a form now, durably.

        Raises:
            InputError: ``web.draft_large`` for more than anybody types, ``web.drafts_full`` for one draft too
                many; what was kept before stays.
            AuthorityError: ``web.form`` for a word that no page gave out, or of somebody else's draft.
            StoreError: ``store.*``; what was kept before stays.
        """
        if not is_word(draft.word):
            raise AuthorityError("web.form")
        known = self._read(draft.word)
        if known is not None and known.staff_no != draft.staff_no:
            raise AuthorityError("web.form")
        if known is not None and known.act:
            # Whatever is typed afterwards: what was signed of it stays known.
            draft = replace(
                draft, act=known.act, case=known.case, token=known.token, said=known.said,
                changed=said_by(draft.form) != known.said,
            )  # fmt: skip
        raw = _encoded(draft)
        if len(raw) > BYTES_MAX:
            raise InputError("web.draft_large", most=BYTES_MAX >> 10)
        if known is None and len(self._of(draft.staff_no)) >= KEPT_MAX:
            raise InputError("web.drafts_full", most=KEPT_MAX)
        self._folder.keep(draft.word, raw)

    def note_signed(self, draft: Draft, *, act: str, case: str, token: str, said: str) -> None:
        """Write down which act a form becomes, durably, before that is stored; ``Draft`` has the values.

        A form that is too large for a draft is noted without its texts.

        Raises:
            AuthorityError: ``web.form`` for somebody else's draft. StoreError: ``store.*``.
        """
        known = self._read(draft.word)
        if known is not None and known.staff_no != draft.staff_no:
            raise AuthorityError("web.form")
        signed = replace(draft, act=act, case=case, token=token, said=said, changed=False)
        raw = _encoded(signed)
        self._folder.keep(draft.word, raw if len(raw) <= BYTES_MAX else _encoded(replace(signed, form={})))

    def named(self, staff_no: str, word: str) -> Draft | None:
        """Return a draft of somebody; None when there is none."""
        known = self._read(word) if is_word(word) else None
        return known if known is not None and known.staff_no == staff_no else None

    def of(self, staff_no: str, station: str) -> list[Draft]:
        """Return what somebody has not finished at a station, the newest first."""
        return [draft for draft in self._of(staff_no) if draft.station == station]

    def drop(self, staff_no: str, word: str) -> None:
        """Throw a draft of somebody away."""
        if self.named(staff_no, word) is not None:
            self._folder.drop(word)

    def texts(self, field: str) -> set[str]:
        """Return what stands in a field of anybody's draft."""
        found = (self._read(word) for word in self._folder.names() if is_word(word))
        return {text for draft in found if draft is not None for text in draft.form.get(field, ())}

    def drop_below(self, path: str) -> None:
        """Throw away everybody's drafts that are about what a path names."""
        for word in self._folder.names():
            known = self._read(word) if is_word(word) else None
            if known is not None and known.is_below(path):
                self._folder.drop(word)

    def cases(self, staff_no: str) -> frozenset[str]:
        """Return the cases, in hexadecimal digits, that somebody's drafts are about."""
        return frozenset(case for one in self._of(staff_no) for case in cases_of((one.page,), one.form))

    def _of(self, staff_no: str) -> list[Draft]:
        found = (self._read(word) for word in self._folder.names() if is_word(word))
        mine = [draft for draft in found if draft is not None and draft.staff_no == staff_no]
        return sorted(mine, key=lambda draft: draft.at_ms, reverse=True)

    def _read(self, word: str) -> Draft | None:
        """Return a draft; None when there is none, or none that can be read here."""
        try:
            raw = self._folder.read(word)
            return None if raw is None else Draft(word=word, **json.loads(raw))
        except (StoreError, ValueError, TypeError):
            return None


def said_by(form: Form) -> str:
    """Return a digest of what a form says, whatever the case was like when it was shown."""
    said = sorted((name, list(texts)) for name, texts in form.items() if name != "heads" and any(texts))
    return sha256(json.dumps(said).encode("utf-8")).hexdigest()


def _encoded(draft: Draft) -> bytes:
    values = {one.name: getattr(draft, one.name) for one in fields(draft) if one.name != "word"}
    values["form"] = {field: list(texts) for field, texts in draft.form.items()}
    return json.dumps(values).encode("utf-8")


def is_word(text: str) -> bool:
    """Tell whether a text can name a draft: nothing else becomes the name of a file."""
    return len(text) == 2 * WORD_BYTES and set(text) <= set("0123456789abcdef")


def first_words(page: str, form: Form) -> str:
    """Return what tells a form that was being filled in from others of its kind; "" where nothing does.

    Args:
        page: the page on which it stands.
        form: texts by field.
    """
    given = [form.get(f"applicant.{name}", ()) for name in ("name", "id_no", "phone")]
    given += [form.get(name, ()) for name in _TELLING]
    if page.startswith("/case/"):
        # Words that somebody wrote: what was chosen or ticked is an ASCII code.
        facts = (texts for name, texts in form.items() if name.startswith("f."))
        given += [form.get("text", ()), *(texts for texts in facts if not "".join(texts).isascii())]
    found = next((text for texts in given if (text := " ".join("".join(texts).split()))), "")
    return found if len(found) <= SHOWN_CHARS else found[:SHOWN_CHARS] + "…"


def is_about(path: str, addresses: Iterable[str], form: Form) -> bool:
    """Tell whether a form is about what a path names.

    Args:
        path: of a case, or of anything else that has pages below it.
        addresses: of the page on which the form stands, and to which it is sent.
        form: texts by field; one of ``CASE`` names a case wherever the form stands.
    """
    below = (path, f"{path}/", f"{path}?")
    stands = any(one == path or one.startswith(below[1:]) for one in addresses)
    return stands or path.removeprefix("/case/") in form.get(CASE, ())


def cases_of(addresses: Iterable[str], form: Form) -> frozenset[str]:
    """Return the cases, in hexadecimal digits, that a form is about; arguments as of ``is_about``."""
    named = {text for text in form.get(CASE, ()) if _CASE_ID.fullmatch(text)}
    return frozenset(named.union(*(_CASE_PAGE.findall(one) for one in addresses)))
