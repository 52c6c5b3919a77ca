"""Single lines about clocks and moments, as they stand in pages and lists."""

from __future__ import annotations

from ledger.clocks.clocks import ClockReading
from ledger.rules.catalogue import Rules
from stations.texts import Say
from stations.words.cells import light_cell


def clock_line(say: Say, rules: Rules, reading: ClockReading) -> str:
    """Return one clock as a line: light, name, last day, what is left."""
    light = light_cell(reading.light, say.name(f"light.{reading.light}")).text
    spec = rules.case_type.clocks.get(reading.clock)
    name = say.pick(spec.name) if spec is not None else say.name(f"clock.{reading.clock}")
    due = reading.due_on.isoformat() if reading.due_on is not None else "—"
    over = reading.remaining_days < 0
    left = say(
        "clock.over" if over else "clock.left",
        days=abs(reading.remaining_days),
        unit=say.name(f"unit.{reading.unit}"),
    )
    flags = "".join(f" [{say.name(f'clock.flag.{flag}')}]" for flag in reading.flags)
    if reading.stopped_on is not None:
        code = "clock.late" if reading.result == "red" else "clock.in_time"
        return say(code, light=light, name=name, on=reading.stopped_on.isoformat(), due=due) + flags
    if reading.light == "paused":
        return f"{light}  {name}{flags}"
    return say("clock.line", light=light, name=name, due=due, left=left) + flags
