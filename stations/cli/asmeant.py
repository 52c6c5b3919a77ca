"""Words of a command line as people type them: dashes of every length, and words that nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from ledger.errors import ConfigError
from ledger.typedtime import narrow

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
"""What input methods and text programs make of one hyphen, or of two."""
_OPTION = re.compile(rf"[-{_DASHES}]{{1,4}}([a-z][a-z0-9-]*)(?:=(.*))?", re.DOTALL)
_ODD = re.compile(rf"^-?[{_DASHES}]")


def plain_options(args: Sequence[str], takes_value: Callable[[str], bool]) -> list[str]:
    """Return the words with options written plainly: ``—name`` and ``－－name`` are ``--name``.

    Args:
        args: the words.
        takes_value: tells of an option whether the word behind it is its value, which stays as it is.
    """
    plain: list[str] = []
    for word in args:
        option = _plain_option(word)
        plain.append(word if option is None or (plain and takes_value(plain[-1])) else option)
    return plain


def options_of(command: click.Command, args: Sequence[str]) -> list[str]:
    """Return the words of a command's line, its options written plainly."""
    flags = {
        name: param.is_flag
        for param in command.params
        if isinstance(param, click.Option)
        for name in param.opts
    }
    return plain_options(args, lambda word: flags.get(word) is False)


def named_folder(args: Sequence[str], env: Mapping[str, str]) -> Path | None:
    """Return the installation that words or surroundings name, where the command is not known yet."""
    named = env.get("BANJIAN_DIR", "")
    for index, word in enumerate(args):
        if word == "--dir" and index + 1 < len(args):
            named = args[index + 1]
        elif word.startswith("--dir="):
            named = word.partition("=")[2]
    return Path(named) if named else None


def maybe_value(word: str) -> bool:
    """Tell whether a word may be an option with a value behind it, where the command is not known yet."""
    return word.startswith("--") and "=" not in word


def extra_words(command: click.Command, args: Sequence[str], left: Sequence[str], path: str) -> ConfigError:
    """Return the error of words that a command does not take: most often a name with a space in it.

    Args:
        command: the command.
        args: its line.
        left: the words that were not taken.
        path: what the command is called.
    """
    words = tuple(word[:40] for word in left)
    first = next((at for at, word in enumerate(args) if at and word == left[0]), 0)
    before = args[first - 1] if first else ""
    joined = f'"{before[:40]} {words[0]}"' if before and not before.startswith("-") else f'"… {words[0]}"'
    return ConfigError("cli.extra", words=words, joined=joined, command=path)


def _plain_option(word: str) -> str | None:
    """Return an option whose dashes or letters are those of an input method; None for any other word."""
    if not _ODD.match(word):
        return None
    head, _, _ = narrow(word).partition("=")
    match = _OPTION.fullmatch(head)
    if match is None:
        return None
    return f"--{match.group(1)}{word[len(head) :].replace(chr(0xFF1D), '=', 1)}"
