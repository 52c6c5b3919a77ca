"""In which language a command line speaks, settled before anything is parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.texts import Language


def choose_language(args: Sequence[str], env: Mapping[str, str]) -> Language:
    """Return the language: ``--lang``, else ``BANJIAN_LANG``, else the locale; Chinese where none is named.

    Where ``--lang`` stands several times the last one holds, as for every option.
    """
    asked = env.get("BANJIAN_LANG", "")
    for index, argument in enumerate(args):
        if argument == "--lang" and index + 1 < len(args):
            asked = args[index + 1]
        elif argument.startswith("--lang="):
            asked = argument.partition("=")[2]
    if asked in ("zh", "en"):
        return "zh" if asked == "zh" else "en"
    locale = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return "en" if locale.lower().startswith("en") else "zh"
