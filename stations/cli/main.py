"""The command ``banjian``: parse, run, and say what went wrong without a traceback.

Exit codes: 0 done; 1 refused, or something was found; 2 could not run (usage, configuration, disk, a fault of
the program).
"""

from __future__ import annotations

import difflib
import errno
import gc
import os
import re
import sys
from collections.abc import Mapping, Sequence

import click

from ledger.errors import BanjianError, ConfigError, StoreError
from ledger.facade.base.clock import SystemClock
from ledger.intact import damaged_files
from ledger.texts.language import choose_language
from stations.cli.asmeant import maybe_value, plain_options
from stations.cli.call import App
from stations.cli.crash import write_crash
from stations.cli.secret import ask_secret
from stations.cli.tree import Tree, build_tree
from stations.cli.types import WholeNumber, option_name
from stations.texts import Say
from stations.words.naming import Names

OK, REFUSED, COULD_NOT_RUN = 0, 1, 2


def main(argv: Sequence[str] | None = None, *, app: App | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: words after the program's name; None takes those of the process.
        app: surroundings other than the machine's own, for the demonstration and for tests.
    """
    app = app or machine()
    try:
        typed = [_decoded(word) for word in (sys.argv[1:] if argv is None else argv)]
        args = plain_options(typed, maybe_value)
    except ConfigError as error:
        _print_message(app, Say(language=choose_language([], app.env)), error.code, error.params)
        return COULD_NOT_RUN
    say, tree = Say(language=choose_language(args, app.env)), None
    try:
        tree = build_tree(say, args, app)
        code = _run(tree, args, app, say)
        app.out.flush()
        return code
    except (OSError, SystemExit) as error:
        return _ended_outside(error, app, say)
    except Exception as error:  # the outermost loop: nothing below it may hide a fault
        if app.env.get("BANJIAN_DEBUG") == "1" or (isinstance(error, ImportError) and damaged_files()):
            raise  # a part that is imported late was taken away: where the program begins tells it
        _print_message(app, say, "internal", {"file": str(write_crash(error, args, app, tree=tree))})
        return COULD_NOT_RUN


def machine() -> App:
    """Return the machine's own surroundings."""
    # What modules and texts consist of lives as long as the process. Looking it through for rubbish every 700
    # objects takes a tenth of the time in which a station starts.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    # Names are read character by character; without its table of phrases the library starts in half the time.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    # A stream that the caller closed is None; a command whose answer nobody reads still does its work.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")
    return App(
        clock=SystemClock(),
        randomness=os.urandom,
        out=sys.stdout,
        err=sys.stderr,
        env=os.environ,
        ask_secret=ask_secret,
    )


def _run(tree: Tree, args: list[str], app: App, say: Say) -> int:
    try:
        result = tree.main(args=args, prog_name="banjian", standalone_mode=False, obj=app)
        return result if isinstance(result, int) else OK
    except click.UsageError as error:
        code, params = _negative_number(error, args) or _usage_message(error)
        _print_message(app, say, code, params)
        return COULD_NOT_RUN
    except (click.Abort, KeyboardInterrupt) as error:
        at_work = isinstance(error.__cause__ or error, KeyboardInterrupt)
        _print_message(app, say, "cli.interrupted" if at_work else "cli.aborted", {})
        return COULD_NOT_RUN
    except BanjianError as error:
        _print_message(app, say, error.code, error.params)
        return COULD_NOT_RUN if isinstance(error, StoreError | ConfigError) else REFUSED


def _decoded(word: str) -> str:
    """Return an argument as the UTF-8 that was typed, also where the locale made Python take it apart.

    Raises:
        ConfigError: ``cli.encoding`` for bytes that are no UTF-8.
    """
    try:
        word.encode("utf-8")
        return word
    except UnicodeEncodeError:
        raw = word.encode(sys.getfilesystemencoding(), "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("cli.encoding", value=raw.decode("utf-8", "replace")[:60]) from error


def _ended_outside(error: OSError | SystemExit, app: App, say: Say) -> int:
    """Return the exit code when the system said no: a reader that went away, a folder, a full disk."""
    if isinstance(error, SystemExit) or error.errno == errno.EPIPE:
        # The reader of a pipe has seen enough; Click turns this, and only this, into an exit of its own.
        # Without the null device Python complains once more at exit.
        _silence(app)
        return OK
    if app.env.get("BANJIAN_DEBUG") == "1":
        raise error
    if error.filename is None:
        _silence(app)
    params = {"path": str(error.filename or "—"), "detail": error.strerror or type(error).__name__}
    _print_message(app, say, "cli.system", params)
    return COULD_NOT_RUN


def _silence(app: App) -> None:
    if app.out is sys.stdout or app.out is sys.__stdout__:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _print_message(app: App, say: Say, code: str, params: Mapping[str, object]) -> None:
    message = Names(say).message(code, params)
    print(f"{say('error.word')}{message.what}", file=app.err)
    if message.next_step:
        print(f"{say('error.next')}{message.next_step}", file=app.err)
    print(f"[{code}]", file=app.err)


def _negative_number(error: click.UsageError, args: Sequence[str]) -> tuple[str, dict[str, object]] | None:
    """Return what to say of a word like -5 that was meant as a number, and that Click takes for an option."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return None
    words = (word for word in args if word.startswith(error.option_name))
    value = next((word for word in words if re.fullmatch(r"-\d+", word)), None)
    for param in error.ctx.command.params:
        if value is not None and isinstance(param.type, WholeNumber):
            return "cli.number", {"option": option_name(param), "value": value, "least": param.type.least}
    return None


def _usage_message(error: click.UsageError) -> tuple[str, dict[str, object]]:
    command = error.ctx.command_path if error.ctx is not None else "banjian"
    if isinstance(error, click.NoSuchOption):
        near = difflib.get_close_matches(error.option_name, _options_of(error.ctx), n=3)
        if near:
            return "cli.option_unknown", {"option": error.option_name, "near": near, "command": command}
        return "cli.option_none", {"option": error.option_name, "command": command}
    if isinstance(error, click.MissingParameter):
        return "cli.missing", {"option": option_name(error.param), "command": command}
    if isinstance(error, click.BadOptionUsage):
        flags = [
            param for param in _params_of(error.ctx) if error.option_name in param.opts and param.is_flag
        ]
        code = "cli.option_flag" if flags else "cli.option_value"
        return code, {"option": error.option_name, "command": command}
    return "cli.usage", {"detail": error.format_message(), "command": command}


def _options_of(context: click.Context | None) -> list[str]:
    return [name for param in _params_of(context) for name in param.opts]


def _params_of(context: click.Context | None) -> list[click.Option]:
    params = [] if context is None else context.command.params
    return [param for param in params if isinstance(param, click.Option)]
