"""In which language the command line speaks, settled before anything is parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.texts import Language


def choose_language(args: Sequence[str], env: Mapping[str, str]) -> Language:
    """Return the language: ``--lang``, ``BANJIAN_LANG``, else the locale; Chinese where none is named."""
    asked = _asked(args) or env.get("BANJIAN_LANG", "")
    if asked in ("zh", "en"):
        return "zh" if asked == "zh" else "en"
    locale = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return "en" if locale.lower().startswith("en") else "zh"


def _asked(args: Sequence[str]) -> str:
    for index, argument in enumerate(args):
        if argument == "--lang" and index + 1 < len(args):
            return args[index + 1]
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
    return ""
