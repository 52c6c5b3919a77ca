"""The form of an adjudication: for each act of a conflict one choice, upheld or set aside.

A page offers two rings for an act, so that none is left out and none is chosen twice; the act that is signed,
and a program, name two lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.cases.judge import ADJUDICATE
from ledger.cases.shape import CaseState
from stations.web.cases.factforms import PREFIX, Choice

RULE = "rule."
"""What the names of the choices begin with; the act's digits follow."""
WORDS = ("uphold", "set_aside")
LISTS = frozenset(f"{PREFIX}{word}" for word in WORDS)
"""The controls of the two lists, which the choices stand for."""
Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """One act to rule on.

    Attributes:
        act: its digits.
        words: action, person, station and moment.
        stands: whether it has effect for the time being.
        ruled: what was chosen before: ``uphold``, ``set_aside`` or "".
    """

    act: str
    words: str
    stands: bool
    ruled: str


def ruled(action: str, form: Form) -> dict[str, Sequence[str]]:
    """Return a form with what was chosen for each act in the two lists of an adjudication."""
    taken = dict(form)
    if action != ADJUDICATE:
        return taken
    for word in WORDS:
        chosen = [name.removeprefix(RULE) for name in form if name.startswith(RULE) and word in form[name]]
        if chosen:
            taken[PREFIX + word] = list(dict.fromkeys((*form.get(PREFIX + word, ()), *chosen)))
    return taken


def disputed_of(state: CaseState, acts: Iterable[Choice], given: Form) -> list[Disputed]:
    """Return the acts to rule on in the order in which they come, with what was chosen before."""
    effective = {step.act.act_id.hex() for step in state.steps if step.effective}
    return [
        Disputed(
            act=act,
            words=words,
            stands=act in effective,
            ruled=next((word for word in WORDS if act in given.get(PREFIX + word, ())), ""),
        )
        for act, words in acts
    ]
