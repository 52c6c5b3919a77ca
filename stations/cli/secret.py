"""Asking for a passphrase without showing it; never on the command line, which every process can read."""

from __future__ import annotations

import getpass
import sys

import click

from ledger.errors import ConfigError


def ask_secret(prompt: str, twice: bool) -> str:
    """Ask on the terminal without echo and return what was typed.

    Args:
        prompt: what is asked for.
        twice: whether it is asked again and must agree, for new passphrases.

    Raises:
        ConfigError: ``cli.no_terminal`` without a terminal; ``cli.passphrase_differs``.
        click.Abort: Ctrl-C.
    """
    if not sys.stdin.isatty():
        raise ConfigError("cli.no_terminal")
    try:
        first = getpass.getpass(prompt)
        again = getpass.getpass(f"{prompt}(2) ") if twice else first
    except KeyboardInterrupt:
        raise click.Abort from None
    if again != first:
        raise ConfigError("cli.passphrase_differs")
    return first
