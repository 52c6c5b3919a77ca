"""Documents to be handed out: what an action of a case type ``prints``, made from the acts themselves.

Every sentence comes from the text catalogues (``document.<action>``), every name, day, paper and remedy from
the act, with what was amended since. An act without effect makes no document that could be taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.cases.shape import Step
from ledger.clocks.clocks import ClockReading, read_clocks
from ledger.days.calendar import local_date
from ledger.errors import InputError
from ledger.facade import CasePage, Ledger, people_of
from ledger.oneline import with_rare_codes
from ledger.types import ActId, Facts, Value
from stations.papers.handed import facts_of, missing_of, texts_in, until
from stations.texts import Say
from stations.words.casenames import station_name

REVIEW_DAYS = 60
"""Days to apply for review. Source: 行政复议法 20."""
LAWSUIT_MONTHS = 6
"""Months to go to court. Source: 行政诉讼法 46."""
BLANK = "＿" * 8  # noqa: RUF001 the wide line is what a pen fills
REFUSING = frozenset(("refuse_acceptance", "revoke"))
BOTH_SIGN = frozenset(("hand_over", "take_over"))
APPLICANT_SIGNS = frozenset((
    "accept_on_commitment", "advise_and_return", "decide", "deliver", "extend", "lapse", "record_result",
    "refuse_acceptance", "request_correction", "request_withdrawal", "return_originals", "revoke", "suspend",
    "withdraw",
))  # fmt: skip
DEFICIT = "accept_with_deficit"
ACCEPTING = frozenset(("accept", DEFICIT))
LISTS = ("materials", "originals", "missing", "manifest", "absent", "commitments")
_ADDED = ("due", "ground", "reason", "expected_days", "go_to", "organ", "text_version", "review")
_PROMISES = frozenset(("statutory", "statutory_other", "promised", "promised_other"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document.

    Attributes:
        organ: name of the office that gives it out.
        number: of the document, or of the case where it has none.
        to: the addressee.
        paragraphs: what it says.
        lists: heading and entries of each list.
        rows: what stands in a table: (name, words).
        remedies: where to turn against it; "" when it takes nothing away.
        incomplete: what a pen must fill in, because no act says it.
        signatures: who signs on the paper.
        day: of the act.
        without_effect: whether the act has none: nothing of that kind may be handed out.
        training: whether the ledger is a training ledger.
    """

    title: str
    organ: str
    number: str
    to: str
    paragraphs: Sequence[str]
    lists: Sequence[tuple[str, Sequence[str]]]
    rows: Sequence[tuple[str, str]]
    remedies: str
    incomplete: bool
    signatures: Sequence[str]
    day: str
    without_effect: bool
    training: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Printable:
    """An act of a case that makes a document."""

    act: str
    action: str
    title: str
    at_ms: int
    effective: bool


def printables(page: CasePage, say: Say) -> list[Printable]:
    """Return the acts of a case that make documents, in their order; the receipt has its slip."""
    found = []
    for step in page.state.steps:
        spec = page.rules.case_type.actions.get(step.action)
        if spec is None or not spec.prints or step.action == "receive":
            continue
        found.append(
            Printable(
                act=step.act.act_id.hex(),
                action=step.action,
                title=title_of(say, page, step.action),
                at_ms=step.act.occurred_at_ms,
                effective=step.effective,
            )
        )
    return found


def title_of(say: Say, page: CasePage, action: str) -> str:
    """Return what the document of an action is called: the offices' own word, in English the action's."""
    spec = page.rules.case_type.actions[action]
    return spec.prints if say.language == "zh" and spec.prints else say.pick(spec.name)


def document_of(ledger: Ledger, say: Say, page: CasePage, act: ActId) -> Document:
    """Return the document of an act.

    Args:
        ledger: for names of stations.
        say: the language of the paper.
        page: the case.
        act: one of its acts.

    Raises:
        InputError: ``document.none`` when the act prints nothing.
    """
    step = next((one for one in page.state.steps if one.act.act_id == act), None)
    spec = None if step is None else page.rules.case_type.actions.get(step.action)
    if step is None or spec is None or not spec.prints:
        raise InputError("document.none", act=act.hex()[:12])
    facts = facts_of(page, step)
    writer = _Writer(ledger, say, page, step, facts)
    remedies, incomplete = writer.remedies()
    number = facts.get("document_no") or facts.get("acceptance_no")
    return Document(
        title=title_of(say, page, step.action),
        organ=station_name(ledger.knowledge.registry, step.act.station),
        number=str(number) if number else page.state.number,
        to=writer.addressee(),
        paragraphs=writer.paragraphs(),
        lists=writer.lists(),
        rows=writer.rows(),
        remedies=remedies,
        incomplete=incomplete,
        signatures=writer.signatures(),
        day=day_words(say, local_date(step.act.occurred_at_ms)),
        without_effect=not step.effective,
        training=ledger.training,
    )


def applicant_of(page: CasePage) -> str:
    """Return the applicant's name, as it was corrected last; "" when it was erased or is not held here."""
    return people_of(page).get("applicant", {}).get("name", "")


def _named(page: CasePage) -> str:
    """Return the applicant as a paper names one: what a font may lack has its code point beside it."""
    return with_rare_codes(applicant_of(page)) or BLANK


def day_words(say: Say, day: date) -> str:
    """Return a day as it stands on paper: 2026年3月2日."""
    return say("document.day", year=day.year, month=day.month, day=day.day)


class _Writer:
    """Puts one act into words."""

    def __init__(self, ledger: Ledger, say: Say, page: CasePage, step: Step, facts: Facts) -> None:
        self._ledger, self._say, self._page, self._step, self._facts = ledger, say, page, step, facts
        self._until = until(page, step.act.act_id)

    def addressee(self) -> str:
        """Return whom the paper is for: the applicant, or the station that gives the papers or takes them."""
        if self._step.action in BOTH_SIGN:
            # Each of the two papers goes to the other side.
            (_, source), (_, target) = self._custody()
            return target if self._step.action == "hand_over" else source
        return _named(self._page)

    def paragraphs(self) -> list[str]:
        """Return the sentences: of the action and its result, then of what the act adds."""
        action, say = self._step.action, self._say
        result = self._facts.get("result")
        of_result = f"_{result}" if isinstance(result, str) else ""
        # Papers that nobody listed are not said to follow.
        unlisted = [f"document.{action}_unlisted"] if action in BOTH_SIGN and not self._manifest() else []
        if self._lacking():
            unlisted = [f"document.{action}_lacking"]
        keys = (*unlisted, f"document.{action}{of_result}", f"document.{action}", "document.any")
        words, told = self._words(), self._deemed()
        if is_deemed := bool(told):
            # Whatever was signed since: silence has accepted all of it, and nothing may end it any more.
            keys = (f"document.{action}_deemed", "document.accept_deemed")
        told.append(say(next(key for key in keys if say.has(key)), **words))
        told += [
            say(f"document.with_{name}", **words)
            for name in _ADDED
            if self._facts.get(name) and say.has(f"document.with_{name}")
        ]
        if action.startswith("accept"):
            told += self._limits("document.limit")
        elif action == "extend":
            told += self._limits("document.limit_extended", extended=True)
        if action == DEFICIT and not is_deemed:
            told.append(say("document.promise", **words))
        return told

    def lists(self) -> list[tuple[str, list[str]]]:
        """Return reasons and papers that the act names."""
        found = []
        reasons = self._facts.get("reasons")
        if isinstance(reasons, list) and reasons:
            found.append((self._say("document.reasons"), [str(one) for one in reasons]))
        for name in LISTS:
            value = self._manifest() if name == "manifest" else self._facts.get(name)
            if isinstance(value, list) and value:
                found.append((self._say(f"document.list_{name}"), [self._paper(one) for one in value]))
        if lacking := self._lacking():
            found.append((self._say("document.list_lacking"), [self._paper(code) for code in lacking]))
        return found

    def rows(self) -> list[tuple[str, str]]:
        """Return what identifies the case, and how the act was done."""
        say, page = self._say, self._page
        rows = [
            ("number", page.state.number),
            ("item", say.pick(page.rules.item.name)),
            ("applicant", _named(page)),
        ]
        for name in ("method", "receiver", "proof", "waybill", "outcome", "ground", "period"):
            value = self._facts.get(name)
            if isinstance(value, str) and value and not say.has(f"document.with_{name}"):
                rows.append((name, self._value(value)))
        if self._step.action in BOTH_SIGN:
            rows += self._custody()
        if self._step.action == "deliver":
            rows.append(("delivered", self._delivered()))
        return [(say(f"document.row_{name}"), words) for name, words in rows]

    def remedies(self) -> tuple[str, bool]:
        """Return where to turn, and whether a pen must fill in a name."""
        takes_away = self._step.action in REFUSING or self._facts.get("result") == "refuse"
        organ, court = self._facts.get("review_organ"), self._facts.get("court")
        if not takes_away and not organ and not court:
            return "", False
        words = self._say(
            "document.remedies",
            organ=organ or BLANK,
            days=self._facts.get("review_days") or REVIEW_DAYS,
            court=court or BLANK,
            months=self._facts.get("lawsuit_months") or LAWSUIT_MONTHS,
        )
        return words, not organ or not court

    def signatures(self) -> list[str]:
        """Return who signs on the paper."""
        action = self._step.action
        if action in BOTH_SIGN:
            return [self._say("document.sign_from"), self._say("document.sign_to")]
        if action == DEFICIT and not self._deemed():
            return [self._say("document.sign_promise")]
        return [self._say("document.sign_applicant")] if action in APPLICANT_SIGNS else []

    def _words(self) -> Mapping[str, str]:
        page, say = self._page, self._say
        words = {
            "item": say.pick(page.rules.item.name),
            "number": page.state.number,
            "received": day_words(say, local_date(page.state.opened_at_ms)),
            "day": day_words(say, local_date(self._step.act.occurred_at_ms)),
            "applicant": _named(page),
        }
        for name, value in self._facts.items():
            if isinstance(value, str | int) and not isinstance(value, bool):
                words.setdefault(name, self._text(name, value))
        return words

    def _text(self, name: str, value: str | int) -> str:
        if name in ("due", "checked_on") and isinstance(value, str):
            try:
                return day_words(self._say, date.fromisoformat(value))
            except ValueError:
                # An act that counts for nothing may say anything; its paper is marked, and shown.
                return value
        if name == "to":
            return station_name(self._ledger.knowledge.registry, str(value))
        return self._value(str(value))

    def _value(self, value: str) -> str:
        say = self._say
        key = f"value.{value}"
        return say(key) if say.has(key) else say.name(f"ground.{value}", value)

    def _paper(self, code: Value) -> str:
        paper = self._page.rules.item.materials.get(str(code))
        return self._say.pick(paper.name) if paper is not None else str(code)

    def _lacking(self) -> list[str]:
        """Return the papers that an acceptance neither has nor names: it may not say that all are there."""
        if self._step.action not in ACCEPTING:
            return []
        named = texts_in(self._facts, "missing")
        return [code for code in missing_of(self._page, self._until) if code not in named]

    def _limits(self, key: str, *, extended: bool = False) -> list[str]:
        """Return the last days that run from here, as of the act, by the calendar known here.

        What was done later moves no day on a paper that is printed again; a year whose holidays nobody has
        published yet makes the day provisional.
        """
        kind, say = self._page.rules.case_type, self._say
        told = []
        for reading in self._clocks():
            spec = kind.clocks.get(reading.clock)
            if spec is None or reading.clock not in _PROMISES or reading.due_on is None:
                continue
            if extended and not spec.extend:
                continue
            over = reading.due_on < local_date(self._step.act.occurred_at_ms)
            told.append(
                say(
                    f"{key}_over" if over else key,
                    clock=say.pick(spec.name),
                    due=day_words(say, reading.due_on),
                    provisional=self._provisional(reading.started_on, reading.due_on),
                    law=say.pick(reading.rule),
                )
            )
        return told

    def _deemed(self) -> list[str]:
        """Return that silence had accepted before an acceptance was signed: it is none as of today.

        Source: 行政许可法 32(4).
        """
        if not self._step.action.startswith("accept"):
            return []
        return [
            self._say(
                "document.deemed",
                last=day_words(self._say, reading.due_on),
                since=day_words(self._say, reading.started_on),
                law=self._say.pick(reading.rule),
            )
            for reading in self._clocks()
            if "deemed_accepted" in reading.flags and reading.due_on is not None
        ]

    def _provisional(self, first: date, last: date) -> str:
        """Return that a day may move, because holidays on the way are not published; "" where it may not."""
        calendars = self._ledger.knowledge.calendars
        years = (year for year in range(first.year, last.year + 1) if calendars.provisional(year))
        year = next(years, None)
        return "" if year is None else self._say("document.limit_provisional", year=year)

    def _clocks(self) -> tuple[ClockReading, ...]:
        page, act = self._page, self._step.act
        return read_clocks(
            page.state._replace(steps=self._until),
            page.rules,
            self._ledger.knowledge.calendars,
            max(act.occurred_at_ms, self._step.effect_at_ms),
        )

    def _delivered(self) -> str:
        """Return what was handed over: the newest result, and the certificate that was made of it."""
        page, say = self._page, self._say
        result, certificate = "", ""
        for step in self._until:
            facts = facts_of(page, step)
            if step.effective and step.action in ("decide", "record_result", "revoke"):
                certificate = ""
                told = (title_of(say, page, step.action), str(facts.get("document_no") or ""))
                result = " ".join(one for one in told if one)
            elif step.effective and step.action == "issue":
                named = page.rules.item.certificate if say.language == "zh" else ""
                number = str(facts.get("certificate_no") or "")
                certificate = " ".join(one for one in (named or say("document.certificate"), number) if one)
        return say("list.and").join(one for one in (result, certificate) if one) or BLANK

    def _offers(self) -> list[Step]:
        """Return the hand-overs up to the act, the one that it answers last."""
        offers = [step for step in self._page.state.steps if step.action == "hand_over"]
        return [step for step in offers if step.act.occurred_at_ms <= self._step.act.occurred_at_ms] or offers

    def _manifest(self) -> list[Value]:
        """Return what was listed to be handed over: by the act, or by the one that it answers."""
        facts, before = self._facts, self._offers()
        if self._step.action == "take_over" and before:
            facts = facts_of(self._page, before[-1])
        value = facts.get("manifest")
        return value if isinstance(value, list) else []

    def _custody(self) -> list[tuple[str, str]]:
        registry, before = self._ledger.knowledge.registry, self._offers()
        if self._step.action == "hand_over" or not before:
            source, target = self._step.act.station, str(self._facts.get("to", ""))
        else:
            source, target = before[-1].act.station, str(self._step.act.station)
        return [("from", station_name(registry, source)), ("to", station_name(registry, target))]
