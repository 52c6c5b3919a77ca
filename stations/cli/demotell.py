"""What people see of the demonstration: how far it is, then the county's picture and what was planted."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from stations.cli.board import BOARD_HEADINGS, board_row
from stations.cli.call import Call
from stations.county.director import Told
from stations.county.founding import home_of
from stations.county.leaving import PASSPHRASE_NAME
from stations.county.people import staff_of
from stations.county.picture import Seen
from stations.county.plan import Plan, county_data
from stations.county.plants import Outcome
from stations.county.play import Played
from stations.words.cells import Styled
from stations.words.naming import Names

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_OVERDUE_SHOWN_MAX = 12
_FINDINGS_SHOWN_MAX = 40
_YES, _NO = Styled(text="✓", style="green"), Styled(text="✗", style="bold red")


class Teller:
    """Tells how far the demonstration is: a bar on a terminal, a line for each day elsewhere.

    Args:
        call: the command.
        plan: what is played.
    """

    def __init__(self, call: Call, plan: Plan) -> None:
        self._call = call
        self._days = plan.days
        self._day: date | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        title = call.say(
            "demo.whole.title", county=county_data().name, stations=len(plan.places), days=len(plan.days)
        )
        call.line(title)

    def __enter__(self) -> Self:
        """Begin to tell."""
        if self._call.app.out.isatty() and not self._call.json:
            # rich takes 40 ms to import: only who sees a bar pays for it.
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
            console = Console(file=self._call.app.out, highlight=False)
            self._bar = Progress(*columns, console=console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=len(self._days))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def told(self, part: str, told: Told | None) -> None:
        """Take in what the director tells."""
        if told is None:
            self._show(self._call.say(f"demo.part.{part}"))
            return
        text = self._call.say(
            "demo.whole.day", day=told.day, acts=told.acts, cases=told.cases, syncs=told.syncs
        )
        if self._bar is not None and self._task is not None:
            done = self._days.index(told.day)
            self._bar.update(self._task, description=text, completed=done)
        elif told.day != self._day:
            self._day = told.day
            self._call.line(f"  {text}")
            self._call.app.out.flush()

    def _show(self, text: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text)
        else:
            self._call.line(f"· {text}")
            self._call.app.out.flush()


def tell(call: Call, played: Played, folder: Path, *, kept: bool) -> None:
    """Print the county's picture, what was planted beside what was found, and how to go on."""
    _board(call, played)
    _cases(call, played)
    _overdue(call, played)
    _findings(call, played)
    _planted(call, played)
    _proof(call, played)
    _by_hand(call, played.plan, folder, kept=kept)


def _heading(call: Call, key: str, **params: object) -> None:
    call.line()
    call.line(f"── {call.say(f'demo.head.{key}', **params)}")


def _board(call: Call, played: Played) -> None:
    _heading(call, "board")
    county, now_ms = played.plan.county.station, played.picture.now_ms
    rows = [board_row(call, line, now_ms, own=line.station == county) for line in played.picture.board]
    call.table([call.say(f"head.{name}") for name in BOARD_HEADINGS], rows)


def _cases(call: Call, played: Played) -> None:
    picture = played.picture
    _heading(call, "cases", cases=len(picture.cases), acts=picture.acts)
    states: Counter[str] = Counter()
    for code, count in picture.by_status.items():
        states[call.say.name(f"state.{code}")] += count
    call.line(f"  {_counts(call, states)}")
    lights = {call.say.name(f"light.{code}"): count for code, count in picture.lights.items()}
    call.line(f"  {_counts(call, lights)}")


def _overdue(call: Call, played: Played) -> None:
    overdue = played.picture.overdue
    _heading(call, "overdue", count=len(overdue))
    # Those for which somebody gave a reason first.
    ordered = sorted(overdue, key=lambda one: (not one.reason, one.due_on, one.number))
    for one in ordered[:_OVERDUE_SHOWN_MAX]:
        clock = call.say.name(f"clock.{one.clock}") if one.clock else call.say("demo.whole.over")
        reason = one.reason or call.say("demo.whole.no_reason")
        call.line(f"  {one.number}  {one.item}  {clock} {one.due_on}  {reason}")
    if len(overdue) > _OVERDUE_SHOWN_MAX:
        call.line(f"  {call.say('demo.whole.more', count=len(overdue) - _OVERDUE_SHOWN_MAX)}")


def _findings(call: Call, played: Played) -> None:
    picture = played.picture
    _heading(call, "findings", count=picture.findings)
    names = Names(call.say)
    told = Counter((one.code, names.message(one.code, one.params).what) for one in picture.case_findings)
    for (code, text), count in sorted(told.items())[:_FINDINGS_SHOWN_MAX]:
        call.line(f"  {count} {text}  [{code}]")
    if len(told) > _FINDINGS_SHOWN_MAX:
        call.line(f"  {call.say('demo.whole.more', count=len(told) - _FINDINGS_SHOWN_MAX)}")
    for one in picture.sync_findings:
        text = call.say.kept(one.code, one.params).what
        call.line(f"  {one.station}  {text}  [{one.code}]")
    conflicts = [case for case in picture.cases.values() if case.conflicts]
    for case in conflicts:
        _conflict(call, played, case)
    for pair in picture.twins:
        numbers = [found.number for case_id in pair if (found := picture.case(case_id)) is not None]
        call.line(f"  {call.say('demo.whole.twins', numbers=' · '.join(numbers))}")


def _conflict(call: Call, played: Played, case: Seen) -> None:
    """Show a conflict with both branches: what each station did, and what stands now."""
    key = "open" if case.in_conflict else "settled"
    call.line(f"  {call.say(f'demo.whole.conflict_{key}', number=case.number)}")
    state = played.picture.states[case.case_id]
    named = {act for one in state.conflicts for act in (*one.kept, *one.contested)}
    for step in state.steps:
        if step.act.act_id in named:
            sign = "✓" if step.effective else "✗"
            place = played.plan.place(step.act.station).name
            action, result = call.say.name(f"action.{step.action}"), str(step.act.facts.get("result", ""))
            call.line(f"    {sign} {place}  {step.act.staff_no}  {action} {result}".rstrip())


def _planted(call: Call, played: Played) -> None:
    _heading(call, "planted", shown=sum(one.shown for one in played.outcomes), count=len(played.outcomes))
    rows = [
        (
            _YES if one.shown else _NO,
            call.say(f"demo.planted.{one.name}"),
            _found(call, one),
            one.where or "—",
        )
        for one in played.outcomes
    ]
    call.table([call.say(f"demo.col.{name}") for name in ("shown", "planted", "found", "where")], rows)


def _found(call: Call, one: Outcome) -> str:
    return call.say(f"demo.found.{one.name}", **one.params)


def _proof(call: Call, played: Played) -> None:
    _heading(call, "proof")
    key = "converged" if played.converged else "apart"
    call.line(f"  {call.say(f'demo.whole.{key}', count=len(played.apart), stations=len(played.plan.places))}")
    bad = [one for one in played.verdicts if one.exit_code]
    good = len(played.verdicts) - len(bad)
    call.line(f"  {call.say('demo.whole.verified', good=good, count=len(played.verdicts))}")
    for one in bad:
        codes = sorted({code for severity, code in one.findings if severity == "error"})
        call.line(f"    ✗ {Path(one.path).name}  {' '.join(codes)}")
    call.line(
        "  "
        + call.say(
            "demo.whole.numbers", acts=played.picture.acts, syncs=played.syncs, broken=played.broken,
            bytes=round(played.wire_bytes_per_act), processes=played.processes,
        )
    )  # fmt: skip
    call.line(f"  {call.say('demo.whole.digest', digest=played.digest, seed=played.plan.seed)}")
    call.line(f"  {call.say('demo.whole.seconds', seconds=f'{played.seconds:.1f}')}")


def _by_hand(call: Call, plan: Plan, folder: Path, *, kept: bool) -> None:
    call.line()
    call.line(call.say("demo.next"))
    if not kept:
        call.line("  banjian demo --keep demo")
        return
    county = shlex.quote(str(home_of(folder, plan.county).path))
    village = plan.villages[0]
    below = shlex.quote(str(home_of(folder, village).path))
    town = shlex.quote(str(home_of(folder, plan.place(village.upstream)).path))
    clerk = staff_of(village, seed=plan.seed)[0].staff_no
    for line in (
        f"export BANJIAN_PASSPHRASE_FILE={shlex.quote(str(folder / PASSPHRASE_NAME))}",
        f"banjian board --dir {county}",
        f"banjian worklist --all --dir {county}",
        f"banjian twins --dir {county}",
        f"banjian-audit verify {county}",
        f"banjian serve --dir {county} & banjian serve --dir {town} & sleep 3",
        f"banjian receive 高龄津贴 --as {clerk} --name 吴老根 --materials all --no-slip --dir {below}",
        f"banjian sync now --dir {below} && banjian sync status --dir {below}",
        "kill %1 %2",
    ):
        call.line(f"  {line}")


def _counts(call: Call, counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return call.say("list.and").join(f"{name} {count}" for name, count in ordered)
