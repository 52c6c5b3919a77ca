"""A fault of the program leaves a file for the technician and one sentence for the clerk."""

from __future__ import annotations

import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from stations.cli.asmeant import named_folder
from stations.cli.call import App
from stations.journal import LOG_FOLDER


def write_crash(
    error: BaseException, args: Sequence[str], app: App, *, tree: click.Group | None = None
) -> Path:
    """Write where the program failed and return the file.

    Holds places in the program and kinds of errors, no messages and no arguments: those could name people.
    Of what was typed it holds the words that name a command.

    Args:
        error: what nobody caught.
        args: the words that were typed.
        app: clock and surroundings.
        tree: the commands; None where they could not be made.
    """
    lines = [
        f"command: {' '.join(_named(args, tree))}",
        f"python: {platform.python_version()} {sys.platform}",
    ]
    cause: BaseException | None = error
    while cause is not None:
        lines += [
            f"{type(cause).__module__}.{type(cause).__name__}",
            *traceback.format_tb(cause.__traceback__),
        ]
        cause = cause.__cause__ or cause.__context__
    moment = datetime.fromtimestamp(app.clock.now_ms() / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    return _write(f"error-{moment}.txt", "\n".join(lines) + "\n", _folders(args, app))


def _named(args: Sequence[str], tree: click.Command | None) -> list[str]:
    """Return the words before the first one that names no command: what follows is somebody's, or a value."""
    named: list[str] = []
    for word in args:
        tree = tree.commands.get(word) if isinstance(tree, click.Group) else None
        if tree is None:
            break
        named.append(word)
    return named


def _folders(args: Sequence[str], app: App) -> list[Path]:
    home, temporary = named_folder(args, app.env), Path(tempfile.gettempdir())
    return [home / LOG_FOLDER, temporary] if home is not None and home.is_dir() else [temporary]


def _write(name: str, text: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        path = folder / name
        try:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return path
    return Path(name)
