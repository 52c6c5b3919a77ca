"""Forms that came too late: the browser was locked, or somebody else acted in it, while they were filled in.

They are kept until their author is back, fills the same page again and signs; nobody else sees them. They lie
beside the drafts, encrypted as these are, so that a station that is restarted meanwhile loses nothing of what
was typed: its author takes it up by signing in. Words that open something are never kept; of files only the
names are, since a page cannot give a browser its files back.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from ledger.errors import StoreError
from ledger.facade import Home
from ledger.facade.base.clock import Randomness
from ledger.lawtime import DAY_MS
from stations.kept.sealed import SealedFolder
from stations.web.drafts import cases_of, first_words, is_about

if TYPE_CHECKING:
    from multidict import MultiMapping

FOLDER = "unsigned"
FORGOTTEN_MS = 30 * DAY_MS
"""A form of somebody who does not come back is thrown away after a month."""
KEPT_MAX = 8
"""Forms of one person in one browser; the oldest gives way to another one of the same author."""
CHARS_MAX = 64 * 1024
KEEP, TYPED = "/unsigned/keep", "/typed"
"""Where an open page that hears of a lock sends what is typed in it, and where it sends that meanwhile."""
KEPT_ACTION, KEPT_PAGE = "kept.action", "kept.page"
"""The fields that tell of which form that is."""
SECRET = frozenset(("form", "once", "passphrase", "pin", "again", "code", KEPT_ACTION, KEPT_PAGE))
"""Fields that are never kept: words of forms, what opens a key, and what lets a station join."""
NOT_TYPED = frozenset(("heads", "next", "language", "draft"))
"""Fields that pages fill in: a form of nothing else is not worth keeping."""
NOT_KEPT_AT = frozenset(("/lock", "/pin", "/sign-out", "/station"))
STEP = "/draft/step"
"""End of the address at which a form goes on with its next step."""
NAMES_A_FORM = {"draft": "draft", "pad": "pad", "target": "f.target"}
"""Queries that tell which form of a page is meant, and the field of the form that says the same."""
Fields = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A form that was sent and not acted on.

    Attributes:
        staff_no: whose it is.
        station: for which station it was filled in.
        action: the path that it was sent to.
        page: path and query of the page on which it stood.
        fields: texts by field, in the order of the form.
        files: names of files that came with it; they must be chosen again.
        at_ms: when it came.
    """

    staff_no: str
    station: str
    action: str
    page: str
    fields: Fields
    files: tuple[str, ...]
    at_ms: int

    @property
    def draft(self) -> str:
        """Which of several forms of one page it is; "" where a page has but one."""
        return "".join(self.fields.get("draft", ()))

    def is_below(self, path: str) -> bool:
        """Whether it is about what a path names: sent there, on a page of it, or naming the case."""
        return is_about(path, (self.action, self.page), self.fields)

    @property
    def asked(self) -> Mapping[str, str]:
        """The query of the page on which it stood."""
        return dict(parse_qsl(self.page.partition("?")[2]))

    @property
    def where(self) -> str:
        """The address at which it is gone on with: of several forms of one page this one."""
        if not self.draft:
            return self.page
        names = {**self.asked, "draft": self.draft}
        return f"{self.page.partition('?')[0]}?{urlencode(names)}"

    @property
    def who(self) -> str:
        """What tells it from others."""
        return first_words(self.page, self.fields)

    def names(self, query: str) -> str:
        """Return what a query that tells one form from another would say of this one; "" for nothing."""
        return "".join(self.fields.get(NAMES_A_FORM[query], ())) or self.asked.get(query, "")

    @property
    def signs(self) -> str:
        """The action that it was to sign; "" for another form."""
        parts = self.action.split("/")
        if parts[1:2] == ["receive"]:
            return "advise_and_return" if parts[-1] == "return" else "receive"
        return parts[-1] if "do" in parts[2:4] else ""

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What somebody typed, line by line, for a browser that cannot fill it in again."""
        return [
            (name, text)
            for name, texts in self.fields.items()
            if name not in NOT_TYPED and not name.startswith("attach")
            for text in texts
            if text.strip()
        ]


class KeptForms:
    """The forms of an installation on its disk; each is held by one browser of this process, or by none yet.

    Args:
        home: the installation.
        randomness: for names and nonces.
    """

    def __init__(self, home: Home, randomness: Randomness) -> None:
        self._folder = SealedFolder(home, FOLDER, randomness)
        self._randomness = randomness
        self._held: set[str] = set()
        self._turn = Lock()

    def new_name(self) -> str:
        """Return a name for another form; never waits for a thread that reads the disk."""
        name = self._randomness(8).hex()
        self._held.add(name)
        return name

    def keep(self, name: str, one: Unsigned) -> None:
        """Keep a form, durably.

        Raises:
            StoreError: ``store.*``.
        """
        self._folder.keep(name, json.dumps(asdict(one)).encode("utf-8"))

    def drop(self, name: str) -> None:
        """Throw a form away."""
        self._folder.drop(name)

    def release(self, name: str) -> None:
        """Hold a form no more: its browser is gone, its author takes it up by signing in at another one."""
        self._held.discard(name)

    def drop_below(self, path: str) -> None:
        """Throw everybody's forms away that are about what a path names."""
        for name in self._folder.names():
            one = self._read(name)
            if one is not None and one.is_below(path):
                self.drop(name)

    def texts(self, field: str) -> set[str]:
        """Return what stands in a field of anybody's form."""
        found = (self._read(name) for name in self._folder.names())
        return {text for one in found if one is not None for text in one.fields.get(field, ())}

    def take_up(self, staff_no: str, now_ms: int) -> dict[str, Unsigned]:
        """Return the forms of somebody that no browser holds, by their names; each is given once.

        An earlier process left them, or a browser that is gone.
        """
        found = {}
        with self._turn:
            for name in self._folder.names():
                one = None if name in self._held else self._read(name)
                if one is None:
                    continue
                if now_ms - one.at_ms > FORGOTTEN_MS:
                    self._folder.drop(name)
                elif one.staff_no == staff_no:
                    self._held.add(name)
                    found[name] = one
        return found

    def _read(self, name: str) -> Unsigned | None:
        try:
            raw = self._folder.read(name)
            values = None if raw is None else json.loads(raw)
            if values is None:
                return None
            fields = {field: tuple(texts) for field, texts in values.pop("fields").items()}
            return Unsigned(fields=fields, files=tuple(values.pop("files")), **values)
        except (StoreError, ValueError, TypeError, KeyError, AttributeError):
            # As good as none: changed on the disk, or of another version.
            return None


class UnsignedForms:
    """The forms of one browser that wait for their authors, the newest last; for the loop alone.

    Args:
        kept: where they lie on the disk.
    """

    def __init__(self, kept: KeptForms) -> None:
        self._kept = kept
        self._forms: OrderedDict[tuple[str, str, str, str], tuple[str, Unsigned]] = OrderedDict()

    def keep(self, one: Unsigned) -> Callable[[], None]:
        """Keep a form instead of an older one of the same author, station, path and draft.

        Returns what makes that durable, for another thread: it raises StoreError ``store.*``, and the form
        waits in memory all the same.
        """
        key = _key(one)
        name = self._forms[key][0] if key in self._forms else self._kept.new_name()
        self._forms[key] = (name, one)
        self._forms.move_to_end(key)
        # Nobody's forms give way to a colleague's: each person's are counted for themselves.
        mine = [known for known in self._forms if known[0] == one.staff_no]
        oldest = [self._forms.pop(known)[0] for known in mine[: max(0, len(mine) - KEPT_MAX)]]

        def durably() -> None:
            for old in oldest:
                self._kept.drop(old)
            self._kept.keep(name, one)

        return durably

    def add(self, found: Mapping[str, Unsigned]) -> None:
        """Take in what was taken up of somebody, by name."""
        for name, one in found.items():
            self._forms[_key(one)] = (name, one)

    def of(self, staff_no: str, station: str) -> list[Unsigned]:
        """Return what waits for somebody at a station."""
        return [one for _, one in self._forms.values() if (one.staff_no, one.station) == (staff_no, station)]

    def cases(self, staff_no: str) -> frozenset[str]:
        """Return the cases, in hexadecimal digits, that somebody's forms are about."""
        mine = [one for _, one in self._forms.values() if one.staff_no == staff_no]
        return frozenset(case for one in mine for case in cases_of((one.action, one.page), one.fields))

    def drop(self, staff_no: str, station: str, action: str, draft: str) -> None:
        """Forget a form: it was signed, or is not wanted."""
        name, _ = self._forms.pop((staff_no, station, action, draft), ("", None))
        if name:
            self._kept.drop(name)

    def drop_draft(self, staff_no: str, station: str, draft: str) -> None:
        """Forget a form whose draft is not wanted."""
        for key in [key for key in self._forms if draft and (*key[:2], key[3]) == (staff_no, station, draft)]:
            self.drop(*key)

    def release(self) -> None:
        """Leave everything to the browsers at which its authors sign in next: this one is gone."""
        while self._forms:
            _, (name, _) = self._forms.popitem()
            self._kept.release(name)

    def drop_below(self, path: str) -> None:
        """Forget everybody's forms that are about what a path names."""
        for key in [key for key, (_, one) in self._forms.items() if one.is_below(path)]:
            self.drop(*key)

    def drop_all(self, staff_no: str) -> None:
        """Forget everything of somebody who leaves."""
        for key in [key for key in self._forms if key[0] == staff_no]:
            self.drop(*key)


def _key(one: Unsigned) -> tuple[str, str, str, str]:
    return one.staff_no, one.station, one.action, one.draft


def unsigned_of(
    data: MultiMapping[str | bytes | bytearray | web.FileField],
    *,
    staff_no: str,
    station: str,
    action: str,
    page: str,
    at_ms: int,
) -> Unsigned | None:
    """Return a form that was sent as one to be kept; None where nobody typed anything.

    Args:
        action: the path to which it was sent, or would have been.
        page: path and query of the page on which it stood.
        at_ms: when it came.
    """
    fields: dict[str, tuple[str, ...]] = {}
    files = []
    for name, value in data.items():
        if isinstance(value, web.FileField):
            if value.filename:
                files.append(value.filename.replace("\\", "/").rpartition("/")[2][:120])
        elif isinstance(value, str) and name not in SECRET:
            fields[name] = (*fields.get(name, ()), value)
    typed = any(text.strip() for name, texts in fields.items() if name not in NOT_TYPED for text in texts)
    long = sum(len(name) + len(text) for name, texts in fields.items() for text in texts) > CHARS_MAX
    if action in NOT_KEPT_AT or not (typed or files) or long or not staff_no:
        return None
    return Unsigned(
        staff_no=staff_no,
        station=station,
        # A step of a form waits as the form itself.
        action=action.removesuffix(STEP),
        page=page,
        fields=fields,
        files=tuple(files),
        at_ms=at_ms,
    )
