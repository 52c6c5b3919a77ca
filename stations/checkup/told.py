"""What ``banjian doctor`` found, in words: a log by its kind and station, a reason by what it says."""

from __future__ import annotations

from typing import Final

from ledger.texts import Message
from stations.checkup.checks import Check
from stations.texts import Say
from stations.words.naming import Names

_KINDS: Final = ("registry", "catalogue", "station", "merge")


def check_message(say: Say, check: Check) -> Message:
    """Return the text of one thing looked at."""
    log = check.params.get("log")
    named = check.params if log is None else {**check.params, "log": _log(say, str(log))}
    return Names(say).message(check.code, named)


def _log(say: Say, log: str) -> str:
    """Name a log that is written as kind and station; the digits of an id stay as they are."""
    kind, _, station = log.partition(" ")
    return say(f"bundle.log.{kind}", station=station) if kind in _KINDS and station else log
