"""The tree of commands: fixed ones, and those that the case types bring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from ledger.errors import ConfigError
from stations.cli import calendars
from stations.cli.call import App
from stations.cli.grammar import LocalGroup, Spec, build_command, help_option
from stations.cli.types import OneOf
from stations.texts import Say


class Tree(LocalGroup):
    """A group that answers an unknown word with the words that come near."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first word.

        Raises:
            ConfigError: ``cli.command_unknown``.
        """
        command = self.get_command(ctx, args[0])
        if command is not None:
            return args[0], command, args[1:]
        if args[0].startswith("-"):
            raise click.NoSuchOption(args[0], ctx=ctx)
        near = _near(args[0], self.list_commands(ctx))
        raise ConfigError(
            "cli.command_unknown", name=args[0][:60], near=near or "—", command=ctx.command_path
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were declared."""
        return list(self.commands)


def build_tree(say: Say, args: Sequence[str], app: App) -> Tree:
    """Return the whole command tree in one language."""
    root = _group("banjian", say, help_key="cmd.banjian")
    for spec in specs():
        _place(root, spec, say)
    return root


def specs() -> Iterable[Spec]:
    """Return every fixed command."""
    return [*calendars.SPECS]


def _place(root: Tree, spec: Spec, say: Say) -> None:
    group = root
    for word in spec.path[:-1]:
        inner = group.commands.get(word)
        if not isinstance(inner, Tree):
            inner = _group(word, say, help_key=f"cmd.{word}")
            inner.section = spec.group
            group.add_command(inner)
        group = inner
    group.add_command(build_command(spec, say))


def _group(name: str, say: Say, *, help_key: str) -> Tree:
    group = Tree(name=name, help=say(help_key), add_help_option=False)
    group.say = say
    group.no_args_is_help = False
    group.invoke_without_command = True
    group.callback = _show_help
    language = click.Option(["--lang"], type=OneOf(("zh", "en")), expose_value=False, help=say("opt.lang"))
    language.metavar = "zh|en"
    group.params += [help_option(say), language]
    return group


def _show_help() -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        app = context.find_object(App)
        print(context.get_help(), file=app.out if app is not None else None)


def _near(word: str, names: Sequence[str]) -> tuple[str, ...]:
    import difflib

    return tuple(difflib.get_close_matches(word, names, n=3, cutoff=0.5))
