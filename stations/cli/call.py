"""One run of one command: what it was given by its surroundings, and how it answers.

Answers go to standard output: tables and sentences for people, or with ``--json`` one object (or one for each
line) for programs. Everything else (what to do next, warnings, errors) goes to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from ledger.errors import ConfigError
from ledger.facade.base.clock import Clock, Randomness
from ledger.facade.base.home import Home
from ledger.formats.keys import Signer
from ledger.oneline import shown
from ledger.texts.tables import print_table
from stations.config import StationConfig, load_config
from stations.texts import Say
from stations.words.cells import Cell

AskSecret = Callable[[str, bool], str]
"""Asks for a passphrase without showing it: prompt, and whether it must be typed twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What the program is given: clock, randomness, streams, environment, the question for a passphrase.

    The command line always gets the machine's own; only code (the demonstration, tests) can pass others.
    ``signers`` keeps keys that were unlocked during this process, by file.
    """

    clock: Clock
    randomness: Randomness
    out: TextIO
    err: TextIO
    env: Mapping[str, str]
    ask_secret: AskSecret
    signers: dict[Path, Signer] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Call:
    """One command that runs.

    Args:
        app: the surroundings.
        say: words in the chosen language.
        command: path of the command, ``station add``.
        json: whether the answer is for a program.
        directory: installation folder from ``--dir`` or ``BANJIAN_DIR``; None when neither was given.
        station: ``--station``, "" when not given.
        key: ``--key`` or ``BANJIAN_KEY``.
        staff_no: ``--as``, "" when not given.
        done: ids of what was performed, for the log.
        training: set once the ledger is known to be a training ledger; marks every line of output.
    """

    app: App
    say: Say
    command: str
    json: bool = False
    directory: Path | None = None
    station: str = ""
    key: Path | None = None
    staff_no: str = ""
    training: bool = False
    done: dict[str, str | int] = field(default_factory=dict)
    _marked: bool = False

    def home(self) -> Home:
        """Return the installation folder that the command works on.

        Raises:
            ConfigError: ``cli.no_directory`` when none was named; ``home.missing`` when no ledger lies there.
        """
        home = Home(self.folder())
        home.require()
        return home

    def folder(self) -> Path:
        """Return the named folder, or the current one when a ledger lies in it.

        Raises:
            ConfigError: ``cli.no_directory``.
        """
        if self.directory is not None:
            return self.directory
        here = Path.cwd()
        if Home(here).exists:
            return here
        raise ConfigError("cli.no_directory")

    def config(self) -> StationConfig:
        """Return the installation's configuration."""
        return load_config(self.folder())

    def line(self, text: str = "") -> None:
        """Print a line of the answer for people; nothing when the answer is for a program."""
        if not self.json:
            self._mark()
            print(shown(text, lines=True), file=self.app.out)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Print a table for people."""
        if not self.json:
            self._mark()
            print_table(self.app.out, headings, rows)

    def emit(self, answer: object) -> None:
        """Print one object for programs; nothing when the answer is for people."""
        if self.json:
            if self.training and isinstance(answer, dict):
                answer = {**answer, "training": True}
            print(json.dumps(answer, ensure_ascii=False, separators=(",", ":")), file=self.app.out)

    def hint(self, key: str, /, **params: object) -> None:
        """Print what to do next, to standard error."""
        print(shown(self.say(key, **params), lines=True), file=self.app.err)

    def notice(self, code: str, params: Mapping[str, object]) -> None:
        """Print a message with its next step, to standard error."""
        message = self.say.message(code, params)
        print(shown(f"! {message.what}", lines=True), file=self.app.err)
        if message.next_step:
            print(f"  → {message.next_step}", file=self.app.err)

    def _mark(self) -> None:
        if self.training and not self._marked:
            self._marked = True
            print(self.say("training.mark"), file=self.app.out)
