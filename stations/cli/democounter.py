"""``banjian demo --counter``: one training ledger, one counter, every command as one would type it."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from stations.cli.call import Call
from stations.cli.counterday.demo import PASSPHRASE, Ran, Stage, shown
from stations.cli.counterday.demoday import play


def play_counter(call: Call, folder: Path, *, kept: bool) -> int:
    """Play a day at one counter and say how to go on by hand."""
    call.line(call.say("demo.title"))
    stage = Stage(
        folder=folder / "ledger",
        language=call.say.language,
        randomness=call.app.randomness,
        echo=None if call.json else call.app.out,
    )
    started = time.monotonic()
    play(stage, backup=folder / "backup", sheet=folder / "cases.xlsx")
    seconds = time.monotonic() - started
    call.emit(
        {
            "ok": True,
            "commands": len(stage.ran),
            "seconds": f"{seconds:.1f}",
            "dir": str(stage.folder) if kept else "",
            "steps": [_step(ran) for ran in stage.ran],
        }
    )
    call.line()
    call.line(call.say("demo.summary", count=len(stage.ran), seconds=f"{seconds:.1f}"))
    for line in _by_hand(call, stage.folder, kept=kept):
        call.line(f"  {line}")
    return 0


def _step(ran: Ran) -> dict[str, object]:
    return {"command": shown(ran.words), "exit_code": ran.exit_code, "output": ran.output}


def _by_hand(call: Call, folder: Path, *, kept: bool) -> list[str]:
    call.line(call.say("demo.next"))
    if not kept:
        return ["banjian demo --counter --keep demo"]
    secret = folder.parent / "passphrase.txt"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return [
        f"export BANJIAN_DIR={shlex.quote(str(folder))} BANJIAN_PASSPHRASE_FILE={shlex.quote(str(secret))}",
        "banjian worklist --all",
        "banjian receive 林木采伐 --as V001 --name 吴老根 --materials all",
        "banjian day-clear --station 990121001201-00",
    ]
