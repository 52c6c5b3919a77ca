"""Rows of the platform's list in words, each beside the case that it means; what can be done first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.facade import CaseRow, Ledger
from stations.kept.platformlist import KeptList
from stations.province.exported import Match
from stations.web.beside.cases import matches_of, named, remember_meant
from stations.web.visit import Visit
from stations.words.rows import item_words

OUTCOMES = ("link", "differs", "several", "taken", "void", "absent", "linked")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchLine:
    """One row of the platform's list in words, and what the case that it means says here.

    Attributes:
        differs: whether it is linked only where somebody says to have compared the two.
    """

    row: int
    outcome: str
    differs: bool
    words: str
    external_no: str
    item: str
    applicant: str
    there: str
    case: str
    number: str
    item_here: str
    applicant_here: str

    def texts(self) -> tuple[str, ...]:
        """Return the cells of the line in a workbook."""
        return (
            str(self.row), self.words, self.external_no, self.item, self.applicant, self.there, self.number,
            self.item_here, self.applicant_here,
        )  # fmt: skip


async def in_order(visit: Visit, kept: KeptList | None) -> list[Match]:
    """Return the case of each row of a list, what can be done first."""
    if kept is None:
        return []
    matches = await matches_of(visit, kept.rows)
    await remember_meant(visit, matches)
    return sorted_matches(matches)


def sorted_matches(matches: Sequence[Match]) -> list[Match]:
    """Return matches in the order of ``OUTCOMES``; those of one that somebody has to compare come first."""

    def place(match: Match) -> tuple[int, bool, int]:
        return OUTCOMES.index(match.outcome), not match.contradicting, match.row.row

    return sorted(matches, key=place)


async def match_lines(visit: Visit, matches: Sequence[Match]) -> list[MatchLine]:
    """Return rows of the list in words, each beside the case that it means."""
    unnamed = [match.case for match in matches if match.case is not None and not match.case.applicant]
    told = {row.case_id: row for row in await named(visit, unnamed)}

    def work(ledger: Ledger) -> list[MatchLine]:
        return [
            _match_line(visit, ledger, match, match.case and told.get(match.case.case_id, match.case))
            for match in matches
        ]

    return await visit.read(work)


def _match_line(visit: Visit, ledger: Ledger, match: Match, case: CaseRow | None) -> MatchLine:
    say, row = visit.say, match.row
    words = {"applicant": "web.diff_applicant", "item": "web.diff_item", "id_no": "web.roster_id_no"}
    differing = say("web.list_and").join(say(words[one]) for one in match.contradicting)
    outcome = say(f"web.match_{match.outcome}")
    key = "web.match_link_but" if match.outcome == "link" else "web.match_in"
    return MatchLine(
        row=row.row,
        outcome=match.outcome,
        differs=match.outcome == "link" and bool(match.contradicting),
        words=say(key, outcome=outcome, what=differing) if differing else outcome,
        external_no=row.external_no,
        item=row.item or row.item_code,
        applicant=say("web.roster_erased") if row.erased else row.applicant,
        there=" ".join(text for text in (row.state, row.result) if text),
        case="" if case is None else case.case_id.hex(),
        number="" if case is None else case.number,
        item_here="" if case is None else item_words(say, ledger, case),
        applicant_here="" if case is None else case.applicant,
    )
