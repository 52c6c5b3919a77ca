"""What is wrong with a command as typed, in the reader's language; Click's own words are English.

Each fault has a code; the parameters name the option or argument as the help page does.
"""

from __future__ import annotations

import difflib

import click

from audit.telling.words import Words
from ledger.errors import ConfigError

PROGRAM = "banjian-audit"
Told = tuple[str, dict[str, object]]
"""Code of a text and its values."""


class AuditGroup(click.Group):
    """The program's commands; one that does not exist is refused with those that do."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words name.

        Raises:
            ConfigError: ``audit.command_unknown``.
        """
        if not ctx.resilient_parsing and args[0] not in self.commands:
            raise ConfigError("audit.command_unknown", given=args[0], known=", ".join(self.commands))
        return super().resolve_command(ctx, args)


def told_usage(error: click.UsageError, group: click.Group) -> Told:
    """Return code and values of a fault that Click found.

    Args:
        error: the fault.
        group: all commands; some faults do not say which command they are about.
    """
    context = error.ctx
    command = PROGRAM if context is None else context.command_path
    if isinstance(error, click.NoSuchOption):
        near = difflib.get_close_matches(error.option_name, sorted(_options(context)), n=3)
        return _told("audit.option_unknown", command, option=error.option_name, near=", ".join(near) or "—")
    if isinstance(error, click.MissingParameter):
        return _told("audit.missing", command, name=_name(error.param))
    if isinstance(error, click.BadOptionUsage):
        flag = error.option_name in _flags(group)
        return _told(
            "audit.option_no_value" if flag else "audit.option_value", command, option=error.option_name
        )
    if isinstance(error, click.BadParameter):
        return _bad_value(error, command)
    if context is not None and context.command is group:
        return _told("audit.command_missing", command, known=", ".join(group.commands))
    # What is left of Click's faults: words beyond those that the command takes. It names them in brackets.
    extra = error.message.partition("(")[2].rpartition(")")[0]
    return _told("audit.extra", command, extra=extra or "…")


def _bad_value(error: click.BadParameter, command: str) -> Told:
    name = _name(error.param)
    kind = None if error.param is None else error.param.type
    if isinstance(kind, click.Choice):
        return _told(
            "audit.choice", command, option=name, choices=", ".join(str(one) for one in kind.choices)
        )
    if isinstance(kind, click.IntRange):
        return _told("audit.number", command, option=name, least=kind.min, most=kind.max)
    return _told("audit.usage", command, detail=name)


def _told(code: str, command: str, **values: object) -> Told:
    return code, {"command": command, **values}


def _name(param: click.Parameter | None) -> str:
    if param is None:
        return "—"
    return param.opts[0] if isinstance(param, click.Option) else str(param.metavar or param.name)


def _options(context: click.Context | None) -> set[str]:
    if context is None:
        return set()
    options = (param for param in context.command.params if isinstance(param, click.Option))
    return {name for option in options for name in option.opts}


def _flags(group: click.Group) -> set[str]:
    params = [param for command in (group, *group.commands.values()) for param in command.params]
    flags = (param for param in params if isinstance(param, click.Option) and param.is_flag)
    return {"-h", "--help"} | {name for flag in flags for name in flag.opts}


def put_into_words(group: click.Group, words: Words) -> None:
    """Let help pages speak the reader's language where Click would speak English.

    Args:
        group: the program, with all its commands.
        words: the texts.
    """

    class Page(click.HelpFormatter):
        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, words("audit.page.usage") if prefix is None else prefix)

        def write_heading(self, heading: str) -> None:
            super().write_heading(words.name("audit.page", heading.lower()))

    class Context(click.Context):
        formatter_class = Page

    for command in (group, *group.commands.values()):
        command.context_class = Context
        command.options_metavar = words("audit.page.options_metavar")
        command.params.append(_help_option(words))
        command.add_help_option = False
    group.subcommand_metavar = words("audit.page.command_metavar")


def _help_option(words: Words) -> click.Option:
    def show(context: click.Context, _: click.Parameter, asked: bool) -> None:
        if asked and not context.resilient_parsing:
            click.echo(context.get_help(), color=context.color)
            context.exit()

    return click.Option(
        ["-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=show,
        help=words("audit.page.help"),
    )  # fmt: skip
