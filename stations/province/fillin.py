"""The sheet of cases that are to be typed into the platform, field by field in its own order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ledger.days.calendar import local_date
from ledger.facade import CasePage, Ledger, people_of
from stations.papers.handed import facts_of, handed_of
from stations.province.settings import PlatformSettings
from stations.texts import Say
from stations.words.casenames import state_name, station_name, value_name
from stations.words.moments import show_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One case to be typed in.

    Attributes:
        case: id in hexadecimal digits.
        texts: in the order of the settings' fields.
    """

    case: str
    number: str
    texts: tuple[str, ...]


def heading_of(say: Say, settings: PlatformSettings, field: str) -> str:
    """Return what a field is called on the sheet: by the platform's own word where one is set."""
    return settings.headings.get(field) or say(f"platform.field.{field}")


def fill(ledger: Ledger, page: CasePage, settings: PlatformSettings) -> Sheet:
    """Return what is to be typed in for one case; empty where nothing is known here.

    It goes into a Chinese platform, so it is Chinese in whatever language the page is read.
    """
    filler = _Filler(ledger, Say(language="zh"), page)
    return Sheet(
        case=page.state.case_id.hex(),
        number=page.state.number,
        texts=tuple(filler.text(field) for field in settings.fields),
    )


class _Filler:
    def __init__(self, ledger: Ledger, say: Say, page: CasePage) -> None:
        self._ledger, self._say, self._page = ledger, say, page
        self._opened = page.state.steps[0].act
        self._facts = facts_of(page, page.state.steps[0])
        people = people_of(page)
        self._applicant = people.get("applicant", {})
        self._agent = people.get("agent", {})
        text = (page.personal.get(self._opened.act_id) or {}).get("text")
        self._text = text if isinstance(text, str) else ""

    def text(self, field: str) -> str:
        """Return what stands in a field."""
        return self._texts()[field]()

    def _texts(self) -> Mapping[str, Callable[[], str]]:
        say, page, opened = self._say, self._page, self._opened
        registry = self._ledger.knowledge.registry
        return {
            "number": lambda: page.state.number,
            "external_no": lambda: page.state.external_no,
            "item_code": lambda: page.rules.item.base_code,
            "item": lambda: say.pick(page.rules.item.name),
            "applicant_kind": lambda: self._fact("applicant_kind"),
            "applicant": lambda: self._applicant.get("name", ""),
            "id_kind": lambda: self._id_kind(),
            "id_no": lambda: self._applicant.get("id_no", ""),
            "phone": lambda: self._applicant.get("phone", ""),
            "address": lambda: self._applicant.get("address", ""),
            "agent": lambda: self._agent.get("name", ""),
            "agent_id_no": lambda: self._agent.get("id_no", ""),
            "agent_phone": lambda: self._agent.get("phone", ""),
            "agent_relation": lambda: self._agent.get("relation", ""),
            "received_on": lambda: local_date(page.state.opened_at_ms).isoformat(),
            "received_at": lambda: show_moment(page.state.opened_at_ms),
            "station": lambda: station_name(registry, opened.station),
            "clerk": lambda: self._ledger.staff_name(opened.actor, opened.staff_no),
            "channel": lambda: self._fact("channel"),
            "materials": lambda: self._materials(),
            "state": lambda: state_name(say, page.rules.case_type, page.state.status),
            "result": lambda: value_name(say, page.state.result) if page.state.result else "",
            "decided_on": lambda: self._decided_on(),
            "text": lambda: self._text,
        }

    def _fact(self, name: str) -> str:
        value = self._facts.get(name)
        return value_name(self._say, value) if isinstance(value, str) else ""

    def _id_kind(self) -> str:
        kind = self._applicant.get("id_kind", "resident" if self._applicant.get("id_no") else "")
        return self._say(f"id_kind.{kind}") if kind else ""

    def _materials(self) -> str:
        papers = self._page.rules.item.materials
        names = (
            self._say.pick(papers[code].name) if code in papers else code for code in handed_of(self._page)
        )
        return "；".join(names)

    def _decided_on(self) -> str:
        decided = next(
            (
                step.act.occurred_at_ms
                for step in reversed(self._page.state.steps)
                if step.effective and step.act.facts.get("result")
            ),
            None,
        )
        return "" if decided is None else local_date(decided).isoformat()
