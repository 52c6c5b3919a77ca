"""Forms that came too late: the browser was locked, or somebody else acted in it, while they were filled in.

They are kept in the memory of this process until their author is back, fills the same page again and signs;
nobody else sees them, they lie on no disk, and they are gone with the browser. Words that open something are
never kept; of files only the names are, since a page cannot give a browser its files back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from multidict import MultiMapping

KEPT_MAX = 8
CHARS_MAX = 64 * 1024
SECRET = frozenset(("form", "once", "passphrase", "pin", "again"))
"""Fields that are never kept: words of forms, and what opens a key."""
NOT_TYPED = frozenset(("heads", "next", "language"))
"""Fields that pages fill in: a form of nothing else is not worth keeping."""
NOT_KEPT_AT = frozenset(("/lock", "/pin", "/sign-out", "/station"))
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
    """

    staff_no: str
    station: str
    action: str
    page: str
    fields: Fields
    files: tuple[str, ...]

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


class UnsignedForms:
    """The forms of one browser that wait for their authors, the newest last."""

    def __init__(self) -> None:
        self._forms: OrderedDict[tuple[str, str, str], Unsigned] = OrderedDict()

    def keep(self, one: Unsigned) -> None:
        """Keep a form instead of an older one of the same author, station and path."""
        key = (one.staff_no, one.station, one.action)
        self._forms[key] = one
        self._forms.move_to_end(key)
        while len(self._forms) > KEPT_MAX:
            self._forms.popitem(last=False)

    def of(self, staff_no: str, station: str) -> list[Unsigned]:
        """Return what waits for somebody at a station."""
        return [one for one in self._forms.values() if (one.staff_no, one.station) == (staff_no, station)]

    def drop(self, staff_no: str, station: str, action: str) -> None:
        """Forget a form: it was signed, or is not wanted."""
        self._forms.pop((staff_no, station, action), None)

    def drop_all(self, staff_no: str) -> None:
        """Forget everything of somebody who leaves."""
        for key in [key for key in self._forms if key[0] == staff_no]:
            del self._forms[key]


def unsigned_of(
    request: web.Request,
    data: MultiMapping[str | bytes | bytearray | web.FileField],
    *,
    staff_no: str,
    station: str,
    page: str,
) -> Unsigned | None:
    """Return a form that was sent as one to be kept; None where nobody typed anything.

    Args:
        page: path and query of the page on which it stood.
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
    path = request.rel_url.path
    if path in NOT_KEPT_AT or not (typed or files) or long or not staff_no:
        return None
    return Unsigned(
        staff_no=staff_no, station=station, action=path, page=page, fields=fields, files=tuple(files)
    )
