"""``banjian demo``: the demonstration as a command."""

from __future__ import annotations

import shlex
import tempfile
import time
from pathlib import Path

from ledger.errors import ConfigError
from stations.cli.call import Call
from stations.cli.grammar import Param, Spec
from stations.demo import PASSPHRASE, Ran, Stage, shown
from stations.demoday import play


def demo(call: Call, *, keep: str | None) -> int:
    """Play a day at one counter and say how to go on by hand."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="banjian-demo-", ignore_cleanup_errors=True) as folder:
            _play(call, Path(folder), kept=False)
        return 0
    folder_path = Path(keep).absolute()
    if folder_path.exists() and any(folder_path.iterdir()):
        raise ConfigError("demo.folder", path=str(folder_path))
    folder_path.mkdir(parents=True, exist_ok=True)
    _play(call, folder_path, kept=True)
    return 0


def _play(call: Call, folder: Path, *, kept: bool) -> None:
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


def _step(ran: Ran) -> dict[str, object]:
    return {"command": shown(ran.words), "exit_code": ran.exit_code, "output": ran.output}


def _by_hand(call: Call, folder: Path, *, kept: bool) -> list[str]:
    call.line(call.say("demo.next"))
    if not kept:
        return ["banjian demo --keep demo"]
    secret = folder.parent / "passphrase.txt"
    secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return [
        f"export BANJIAN_DIR={shlex.quote(str(folder))} BANJIAN_PASSPHRASE_FILE={shlex.quote(str(secret))}",
        "banjian worklist --all",
        "banjian receive 林木采伐 --as V001 --name 吴老根 --materials all",
        "banjian day-clear --station 990121001201-00",
    ]


SPECS = (Spec(path=("demo",), run=demo, params=(Param(name="keep"),), needs_home=False, group="other"),)
