"""The command ``banjian-audit``: check a ledger from outside, tell a case again, keep what later audits need.

It reads only, needs no network and no key of the installation. Exit codes: 0 nothing wrong; 1 a finding is an
error, or the question has no answer; 2 the audit could not run.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from audit.checking.verify import verify_ledger
from audit.telling.notes import ledger_id_of, newest_heads, read_notes, read_storage_key, read_trust_file
from audit.telling.replay import replay_case
from audit.telling.report import print_report, report_json
from audit.telling.show import print_act, show_act
from audit.telling.streams import Surroundings, open_streams, print_message, say, silence
from audit.telling.tell import print_replay, replay_json
from audit.telling.usage import PROGRAM, AuditGroup, put_into_words, told_usage
from audit.telling.words import Words, parse_moment
from ledger.errors import BanjianError, ConfigError, EncodingError, StoreError
from ledger.intact import damaged_files
from ledger.texts.language import choose_language

OK, FOUND, COULD_NOT_RUN = 0, 1, 2
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: words after the program's name; None takes those of the process.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    open_streams()
    words = Words(choose_language(args, os.environ))
    around = Surroundings(
        out=sys.stdout, err=sys.stderr, env=os.environ, words=words, now_ms=time.time_ns() // 1_000_000
    )
    try:
        code = _run(args, around)
        around.out.flush()
        return code
    except (OSError, SystemExit) as error:
        return _ended_outside(error, around)
    except Exception as error:  # the outermost loop: nothing below it may hide a fault
        if os.environ.get("BANJIAN_DEBUG") == "1" or (isinstance(error, ImportError) and damaged_files()):
            raise  # a part that is imported late was taken away: where the program begins tells it
        print_message(around, "audit.internal", {"kind": type(error).__name__, "detail": str(error)[:200]})
        return COULD_NOT_RUN


def _run(args: list[str], around: Surroundings) -> int:
    group = build_cli(around)
    try:
        # Without a word there is nothing to be wrong about: the help says what there is.
        result = group.main(args=args or ["--help"], prog_name=PROGRAM, standalone_mode=False)
        return result if isinstance(result, int) else OK
    except click.UsageError as error:
        print_message(around, *told_usage(error, group))
        return COULD_NOT_RUN
    except (click.Abort, KeyboardInterrupt):
        print_message(around, "audit.aborted", {})
        return COULD_NOT_RUN
    except BanjianError as error:
        print_message(around, error.code, error.params)
        return COULD_NOT_RUN if isinstance(error, StoreError | ConfigError | EncodingError) else FOUND


def _ended_outside(error: OSError | SystemExit, around: Surroundings) -> int:
    """Return the exit code when the system said no: the reader of a help page went away, a full disk."""
    if isinstance(error, SystemExit) or error.errno == errno.EPIPE:
        # Click turns a pipe without reader, and only this, into an exit of its own.
        silence(around)
        return OK
    if around.env.get("BANJIAN_DEBUG") == "1":
        raise error
    detail = error.strerror or type(error).__name__
    if error.filename is None:
        silence(around)
        print_message(around, "audit.output", {"detail": detail})
    else:
        print_message(around, "audit.system", {"path": str(error.filename), "detail": detail})
    return COULD_NOT_RUN


def build_cli(around: Surroundings) -> click.Group:
    """Return all commands, with their help in the reader's language."""
    words = around.words
    group = AuditGroup(
        PROGRAM,
        help=words("audit.help"),
        context_settings=_HELP,
        params=[_lang(words)],
        no_args_is_help=False,
        callback=lambda lang: None,
    )
    for command in (_verify(around), _replay(around), _show_act(around), _checkpoint(around), _trust(around)):
        group.add_command(command)
    put_into_words(group, words)
    return group


def _verify(around: Surroundings) -> click.Command:
    words = around.words

    def run(
        path: str,
        trust: str | None,
        against: tuple[str, ...],
        storage_key: str | None,
        workers: int | None,
        skip_cases: bool,
        as_json: bool,
        lang: str | None,
    ) -> int:
        report = verify_ledger(
            Path(path),
            trust=None if trust is None else read_trust_file(Path(trust)),
            against=[note for name in against for note in read_notes(Path(name))],
            storage_key=None if storage_key is None else read_storage_key(Path(storage_key)),
            workers=workers,
            cases=not skip_cases,
        )
        code = OK if report.ok else FOUND
        if as_json:
            return _say_json(around, code, report_json(report, words))
        return say(around, code, lambda: print_report(report, words, around.out))

    return click.Command(
        "verify",
        help=words("audit.help.verify"),
        context_settings=_HELP,
        callback=run,
        params=[
            click.Argument(["path"], metavar="PATH"),
            click.Option(["--trust"], metavar="FILE", help=words("audit.help.trust_option")),
            click.Option(["--against"], metavar="FILE", multiple=True, help=words("audit.help.against")),
            click.Option(["--storage-key"], metavar="FILE", help=words("audit.help.storage_key")),
            click.Option(["--workers"], type=click.IntRange(1, 256), help=words("audit.help.workers")),
            click.Option(["--skip-cases"], is_flag=True, help=words("audit.help.skip_cases")),
            _json(words),
            _lang(words),
        ],
    )


def _replay(around: Surroundings) -> click.Command:
    words = around.words

    def run(
        names: tuple[str, ...],
        place: str | None,
        as_of: str | None,
        known_at: str | None,
        as_json: bool,
        lang: str | None,
    ) -> int:
        path, case = _path_and_name(names, place, around.env)
        told = replay_case(
            path,
            case,
            now_ms=around.now_ms,
            as_of_ms=None if as_of is None else parse_moment(as_of, option="--as-of"),
            known_at_ms=None if known_at is None else parse_moment(known_at, option="--known-at"),
        )
        if as_json:
            return _say_json(around, OK, replay_json(told, words))
        return say(around, OK, lambda: print_replay(told, words, around.out))

    return click.Command(
        "replay",
        help=words("audit.help.replay"),
        context_settings=_HELP,
        callback=run,
        params=[
            click.Argument(["names"], metavar="[PATH] CASE", nargs=-1, required=True),
            _dir(words),
            click.Option(["--as-of"], metavar="TIME", help=words("audit.help.as_of")),
            click.Option(["--known-at"], metavar="TIME", help=words("audit.help.known_at")),
            _json(words),
            _lang(words),
        ],
    )


def _show_act(around: Surroundings) -> click.Command:
    words = around.words

    def run(names: tuple[str, ...], place: str | None, as_json: bool, lang: str | None) -> int:
        path, act = _path_and_name(names, place, around.env)
        shown = show_act(path, act)
        code = OK if shown["ok"] else FOUND
        if as_json:
            return _say_json(around, code, shown)
        return say(around, code, lambda: print_act(shown, words, around.out))

    return click.Command(
        "show-act",
        help=words("audit.help.show_act"),
        context_settings=_HELP,
        callback=run,
        params=[
            click.Argument(["names"], metavar="[PATH] ACT", nargs=-1, required=True),
            _dir(words),
            _json(words),
            _lang(words),
        ],
    )


def _checkpoint(around: Surroundings) -> click.Command:
    words = around.words

    def run(path: str, as_json: bool, lang: str | None) -> int:
        heads = newest_heads(Path(path))
        code = OK if heads else FOUND
        if as_json:
            checkpoints = [
                {"log": one.log, "kind": one.kind, "station": one.station, "size": one.size, "note": one.note}
                for one in heads
            ]
            return _say_json(around, code, {"checkpoints": checkpoints})
        say(around, code, lambda: print("\n".join(head.note for head in heads), end="", file=around.out))
        print(words("audit.checkpoint.keep", count=len(heads)), file=around.err)
        return code

    return click.Command(
        "checkpoint",
        help=words("audit.help.checkpoint"),
        context_settings=_HELP,
        callback=run,
        params=[click.Argument(["path"], metavar="PATH"), _json(words), _lang(words)],
    )


def _trust(around: Surroundings) -> click.Command:
    words = around.words

    def run(path: str, as_json: bool, lang: str | None) -> int:
        found = ledger_id_of(Path(path))
        if found is None:
            print_message(around, "audit.no_registry", {})
            return FOUND
        digits = found.hex()
        if as_json:
            return _say_json(around, OK, {"ledger_id": digits})
        text = f"# {words('audit.trust.comment')}\nledger_id = {digits}"
        say(around, OK, lambda: print(text, file=around.out))
        groups = " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
        print(words("audit.trust.compare", groups=groups), file=around.err)
        return OK

    return click.Command(
        "trust",
        help=words("audit.help.trust"),
        context_settings=_HELP,
        callback=run,
        params=[click.Argument(["path"], metavar="PATH"), _json(words), _lang(words)],
    )


def _path_and_name(names: tuple[str, ...], place: str | None, env: Mapping[str, str]) -> tuple[Path, str]:
    if len(names) == 1:
        return Path(place or env.get("BANJIAN_DIR") or "."), names[0]
    if len(names) == 2 and place is None:
        return Path(names[0]), names[1]
    raise ConfigError("audit.names")


def _json(words: Words) -> click.Option:
    return click.Option(["--json", "as_json"], is_flag=True, help=words("audit.help.json"))


def _lang(words: Words) -> click.Option:
    return click.Option(["--lang"], type=click.Choice(["zh", "en"]), help=words("audit.help.lang"))


def _dir(words: Words) -> click.Option:
    return click.Option(["--dir", "place"], metavar="PATH", help=words("audit.help.dir"))


def _say_json(around: Surroundings, code: int, value: object) -> int:
    return say(around, code, lambda: print(json.dumps(value, ensure_ascii=False), file=around.out))


if __name__ == "__main__":
    sys.exit(main())
