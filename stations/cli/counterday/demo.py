"""A day at one counter: a whole county in a temporary folder, driven by the real commands.

The one thing that differs from the command line is the clock, so that working days pass in seconds. Nobody
can give such a clock to the command line: it is an argument of ``main`` that only code can pass.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TextIO

from ledger.facade.base.clock import Randomness
from ledger.formats.keys import Signer
from ledger.texts import Language
from ledger.types import CaseId
from stations.cli.call import App
from stations.texts import Say
from stations.words.moments import CHINA

COUNTY = "990121000000-00"
TOWNSHIP = "990121001000-00"
VILLAGE = "990121001201-00"
PASSPHRASE = "训练用的口令 only for training"
_NUMBER = re.compile(r"\d{12}-[0-9A-Z]{2}-\d{6}-[0-9A-Z]{4}-\d{4,}-[0-9A-Z]")
_TOKEN = re.compile(r"(?:评价码：|Rating code: )([A-Z2-7]{4}) ([A-Z2-7]{4})")
_BOOT = bytes.fromhex("b007b007b007b007b007b007b007b007")
_STEP_MS = 4_000
_QUOTED = re.compile(r"[\s()|&;<>*?$`\"\\]")


class DemoClock:
    """A clock that stands still until it is set, and moves a little with every look."""

    def __init__(self) -> None:
        self._now_ms = 0
        self._start_ms = 0

    def set(self, moment: str) -> None:
        """Go on to a moment of China time, ``2026-03-02 09:05``; never backwards."""
        wanted = int(datetime.fromisoformat(moment).replace(tzinfo=CHINA).timestamp()) * 1000
        self._now_ms = max(self._now_ms, wanted)
        self._start_ms = self._start_ms or self._now_ms

    def now_ms(self) -> int:
        """Return the moment, in milliseconds since 1970."""
        self._now_ms += _STEP_MS
        return self._now_ms

    def monotonic_ms(self) -> int:
        """Return milliseconds since the demonstration began."""
        return self._now_ms - self._start_ms

    def boot_id(self) -> bytes:
        """Return the id of this demonstration's only boot."""
        return _BOOT


def shown(words: Sequence[str]) -> str:
    """Return words as one would type them; only what a shell would take apart is quoted."""
    return " ".join(f"'{word}'" if _QUOTED.search(word) else word for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One command that ran: its words, exit code and what it printed."""

    words: tuple[str, ...]
    exit_code: int
    output: str

    @property
    def number(self) -> str:
        """The first case number in the output; "" when there is none."""
        found = _NUMBER.search(self.output)
        return found.group() if found else ""

    @property
    def token(self) -> str:
        """The rating token on the printed slip; "" when there is none."""
        found = _TOKEN.search(self.output)
        return "".join(found.groups()) if found else ""


@dataclass(slots=True, kw_only=True)
class Stage:
    """Where the demonstration plays: folder, clock, unlocked keys, and what ran so far.

    Args:
        folder: the installation folder; must not exist yet.
        language: of the output.
        randomness: source of keys and nonces.
        echo: gets every line at once; None keeps silent.
    """

    folder: Path
    language: Language
    randomness: Randomness
    echo: TextIO | None
    clock: DemoClock = field(default_factory=DemoClock)
    signers: dict[Path, Signer] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)

    @property
    def say(self) -> Say:
        """Words in the demonstration's language."""
        return Say(language=self.language)

    def at(self, moment: str, heading: str) -> None:
        """Go on to a moment and say what happens then."""
        self.clock.set(moment)
        self._print(f"\n── {moment}  {self.say(f'demo.{heading}')}")

    def note(self, heading: str) -> None:
        """Say what happens where no command of this machine shows it."""
        self._print(f"\n   {self.say(f'demo.{heading}')}")

    def case_id(self, number: str) -> CaseId:
        """Return the id of a case by its number."""
        return CaseId(bytes.fromhex(str(self._page(number)["case_id"])))

    def last_act(self, number: str, action: str) -> str:
        """Return the id of a case's last act of a kind, as one types it."""
        steps = self._page(number)["steps"]
        found = (
            [step["act_id"] for step in steps if step["action"] == action] if isinstance(steps, list) else []
        )
        return str(found[-1])[:12]

    def run(self, *words: str, expect: int = 0) -> Ran:
        """Run one command as if typed, print it and its output, and keep both.

        Raises:
            RuntimeError: the command ended otherwise than the demonstration expects.
        """
        # The command line imports this module's surroundings; importing it at the top would be a circle.
        from stations.cli.main import main

        out = io.StringIO()
        env: Mapping[str, str] = {"BANJIAN_DIR": str(self.folder), "BANJIAN_LANG": self.language}
        app = App(
            clock=self.clock,
            randomness=self.randomness,
            out=out,
            err=out,
            env=env,
            ask_secret=lambda prompt, twice: PASSPHRASE,
            signers=self.signers,
        )
        return self._keep("banjian", words, main(list(words), app=app), out.getvalue(), expect)

    def _page(self, number: str) -> dict[str, object]:
        with self._silence():
            page: dict[str, object] = json.loads(self.run("show", number, "--json").output)
        self.ran.pop()
        return page

    @contextlib.contextmanager
    def _silence(self) -> Iterator[None]:
        echo, self.echo = self.echo, None
        try:
            yield
        finally:
            self.echo = echo

    def audit(self, *words: str) -> Ran:
        """Run one command of the audit program, which looks at the files alone."""
        from audit.cli import main

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, "--lang", self.language])
        return self._keep("banjian-audit", words, code, out.getvalue() + err.getvalue(), 0)

    def _keep(self, program: str, words: Sequence[str], code: int, output: str, expect: int) -> Ran:
        self._print(f"\n$ {program} {shown(words)}")
        self._print(output.rstrip())
        if code != expect:
            raise RuntimeError(
                f"{program} {' '.join(words[:2])} ended with {code} instead of {expect}: {output}"
            )
        ran = Ran(words=(program, *words), exit_code=code, output=output)
        self.ran.append(ran)
        return ran

    def _print(self, text: str) -> None:
        if self.echo is not None:
            print(text, file=self.echo, flush=True)
