"""Asking for a passphrase without showing it; never on the command line, which every process can read."""

from __future__ import annotations

import getpass
import sys

from ledger.errors import ConfigError


def ask_secret(prompt: str, twice: bool) -> str:
    """Ask on the terminal without echo and return what was typed.

    Args:
        prompt: what is asked for.
        twice: whether it is asked again and must agree, for new passphrases.

    Raises:
        ConfigError: ``cli.no_terminal`` without a terminal; ``cli.passphrase_differs``.
    """
    if not sys.stdin.isatty():
        raise ConfigError("cli.no_terminal")
    first = getpass.getpass(prompt)
    if twice and getpass.getpass(f"{prompt}(2) ") != first:
        raise ConfigError("cli.passphrase_differs")
    return first
