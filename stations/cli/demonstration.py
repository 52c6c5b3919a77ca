"""``banjian demo``: a county in a box, or with ``--counter`` a day at one counter."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.errors import ConfigError
from stations.cli.call import Call
from stations.cli.democounter import play_counter
from stations.cli.grammar import Param, Spec
from stations.cli.types import WholeNumber
from stations.county.choosing import PLANT_NAMES
from stations.county.plan import DAYS_DEFAULT, STATIONS_DEFAULT, Plan, make_plan
from stations.words.moments import show_moment

if TYPE_CHECKING:
    from stations.county.play import Played

SEED_DEFAULT = 1


def demo(
    call: Call,
    *,
    keep: str | None,
    stations: int | None,
    days: int | None,
    seed: int | None,
    counter: bool,
    no_serve: bool,
) -> int:
    """Play the county, tell what it came to; on a terminal serve it, elsewhere say how to go on by hand."""
    plan = make_plan(
        seed=SEED_DEFAULT if seed is None else seed,
        stations=STATIONS_DEFAULT if stations is None else stations,
        days=DAYS_DEFAULT if days is None else days,
    )
    if counter:
        return _in_folder(keep, lambda folder: play_counter(call, folder, kept=keep is not None))
    alive = not no_serve and not call.json and call.app.out.isatty()
    return _in_folder(keep, lambda folder: _play(call, plan, folder, kept=keep is not None, alive=alive))


def _in_folder(keep: str | None, run: Callable[[Path], int]) -> int:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="banjian-demo-", ignore_cleanup_errors=True) as folder:
            try:
                return run(Path(folder))
            except KeyboardInterrupt:
                raise click.Abort from None  # nothing of it stays
    path = Path(keep).absolute()
    if path.exists() and any(path.iterdir()):
        raise ConfigError("demo.folder", path=str(path))
    path.mkdir(parents=True, exist_ok=True)
    try:
        return run(path)
    except KeyboardInterrupt:
        raise ConfigError("demo.interrupted", path=str(path)) from None


def _play(call: Call, plan: Plan, folder: Path, *, kept: bool, alive: bool) -> int:
    # A whole server and client are imported here: only who plays the county waits for that.
    from stations.cli.demotell import Teller, tell
    from stations.county.leaving import leave_ready
    from stations.county.play import play

    with Teller(call, plan) as teller:
        played = play(plan, folder, told=teller.told)
    if kept or alive:
        leave_ready(plan, folder)
    tell(call, played, folder, kept=kept)
    call.emit(answer(played, folder, kept=kept))
    if alive:
        _serve(call, plan, folder, from_ms=played.picture.now_ms)
    return 0 if played.sound else 1


def _serve(call: Call, plan: Plan, folder: Path, *, from_ms: int) -> None:
    """Let the county live on until Ctrl-C, and say where it can be looked at and by whom."""
    from stations.county.alive import Alive, serve_county
    from stations.county.leaving import PASSPHRASE

    def told(stations: Sequence[Alive]) -> None:
        call.line()
        call.line(f"── {call.say('demo.alive.head')}")
        for one in reversed(stations):
            level = call.say(f"level.{one.place.level}")
            call.line(f"  {call.say('demo.alive.place', level=level, name=one.place.name)}  {one.pages}")
            people = call.say("list.and").join(f"{person.staff_no} {person.name}" for person in one.people)
            call.line(f"    {call.say('demo.alive.people', people=people)}")
        call.line(f"  {call.say('demo.alive.passphrase', passphrase=PASSPHRASE)}")
        call.line(f"  {call.say('demo.alive.clock', moment=show_moment(from_ms))}")
        call.line(f"  {call.say('demo.alive.stop')}")
        call.app.out.flush()

    serve_county(plan, folder, from_ms=from_ms, told=told)
    call.line(call.say("demo.alive.stopped"))


def answer(played: Played, folder: Path, *, kept: bool) -> dict[str, object]:
    """Return what programs are told."""
    return {
        "stations": len(played.plan.places),
        "acts": played.picture.acts,
        "cases": len(played.picture.cases),
        "converged": played.converged,
        "conflicts": played.picture.conflicts,
        "findings": played.picture.findings,
        "planted": [{"name": one.name, "shown": one.shown} for one in played.outcomes],
        "not_planted": [name for name in PLANT_NAMES if name not in {one.name for one in played.outcomes}],
        "wire_bytes_per_act": round(played.wire_bytes_per_act, 1),
        "seconds": round(played.seconds, 1),
        "seed": played.plan.seed,
        "digest": played.digest,
        "dir": str(folder) if kept else "",
        "ledgers": [one.path for one in played.verdicts] if kept else [],
        "verified": all(one.exit_code == 0 for one in played.verdicts),
        "days": len(played.plan.days),
    }


SPECS = (
    Spec(
        path=("demo",),
        run=demo,
        params=(
            Param(name="keep"),
            Param(name="stations", type=WholeNumber(least=1)),
            Param(name="days", type=WholeNumber(least=1)),
            Param(name="seed", type=WholeNumber()),
            Param(name="counter", flag=True),
            Param(name="no-serve", flag=True),
        ),
        needs_home=False,
        group="other",
    ),
)
