"""The tree of commands: fixed ones, and those that the case types bring.

Modules are imported when a command of theirs is asked for.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from ledger.errors import ConfigError
from stations.cli.asmeant import named_folder
from stations.cli.call import App
from stations.cli.grammar import LocalGroup, LocalOption, Spec, build_command, help_option
from stations.cli.types import OneOf
from stations.texts import Say

MODULES: Mapping[str, str] = {
    "county": "county",
    "station": "station",
    "staff": "staff",
    "invite": "invite",
    "join": "join",
    "key": "keys",
    "registry": "registry",
    "catalogue": "catalogue",
    "calendar": "calendars",
    "worklist": "lists",
    "find": "lists",
    "day-clear": "lists",
    "export": "lists",
    "show": "show",
    "board": "board",
    "conflicts": "board",
    "twins": "board",
    "monthly": "board",
    "sync": "sync",
    "database": "database",
    "doctor": "keep",
    "backup": "keep",
    "checkpoint": "keep",
    "erase": "keep",
    "rebuild": "keep",
    "bundle": "bundle",
    "serve": "keep",
    "demo": "demonstration",
}
"""First word of each fixed command and the module that has it."""
RECEIVE = "receive"


class Tree(LocalGroup):
    """A group that answers an unknown word with the words that come near, or by its fallback command."""

    fallback: click.Command | None = None

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
        if self.fallback is not None:
            return self.fallback.name, self.fallback, args
        if args[0].startswith("-"):
            raise click.NoSuchOption(args[0], ctx=ctx)
        near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=3, cutoff=0.5)
        raise ConfigError(
            "cli.command_unknown", name=args[0][:60], near=tuple(near) or "—", command=ctx.command_path
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were declared."""
        return list(self.commands)


def build_tree(say: Say, args: Sequence[str], app: App) -> Tree:
    """Return the command tree in one language; only the part that the words ask for."""
    root = _group("banjian", say, help_key="cmd.banjian")
    root.params.append(_version_option(say))
    for spec in _asked_for(say, args, app):
        _place(root, spec, say)
    return root


def _asked_for(say: Say, args: Sequence[str], app: App) -> list[Spec]:
    """Return the commands of the first word; every command when it is none, for the words that come near."""
    word = _first_word(args)
    if word in MODULES:
        return [spec for spec in _specs(MODULES[word]) if spec.path[0] == word]
    if args[:1] == ["--version"]:
        return []
    if not word:
        return all_specs(say, named_folder(args, app.env), app)
    actions = _action_specs(say, named_folder(args, app.env), app)
    return [spec for spec in actions if spec.path[0] == word] or [*actions, *_fixed_specs()]


def all_specs(say: Say, folder: Path | None, app: App) -> list[Spec]:
    """Return every command: those of the case types of a ledger (or the shipped ones), and the fixed ones."""
    return [*_action_specs(say, folder, app), *_fixed_specs()]


def _action_specs(say: Say, folder: Path | None, app: App) -> list[Spec]:
    from stations.cli.actions import action_specs, known_case_types
    from stations.cli.fields import collect_actions
    from stations.cli.receive import receive_spec

    kinds = known_case_types(folder, app)
    actions = collect_actions(kinds)
    found = [receive_spec(actions[RECEIVE], say)] if RECEIVE in actions else []
    return [*found, *action_specs(say, kinds, frozenset([*MODULES, RECEIVE]))]


def _fixed_specs() -> list[Spec]:
    return [spec for module in dict.fromkeys(MODULES.values()) for spec in _specs(module)]


def _specs(module: str) -> Sequence[Spec]:
    specs: Sequence[Spec] = importlib.import_module(f"stations.cli.{module}").SPECS
    return specs


def _place(root: Tree, spec: Spec, say: Say) -> None:
    group = root
    for word in spec.path[:-1]:
        inner = group.commands.get(word)
        if not isinstance(inner, Tree):
            inner = _group(word, say, help_key=f"cmd.{word}")
            inner.section = spec.group
            group.add_command(inner)
        group = inner
    command = build_command(spec, say)
    group.add_command(command)
    if spec.fallback:
        group.fallback = command
        group.context_settings = {"ignore_unknown_options": True}


def _group(name: str, say: Say, *, help_key: str) -> Tree:
    group = Tree(name=name, help=say(help_key), add_help_option=False)
    group.say = say
    group.no_args_is_help = False
    group.invoke_without_command = True
    group.callback = _show_help
    language = LocalOption(["--lang"], type=OneOf(("zh", "en")), expose_value=False, help=say("opt.lang"))
    language.metavar = "zh|en"
    language.common = True
    group.params += [help_option(say), language]
    return group


def _version_option(say: Say) -> click.Option:
    def show(context: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            # The list of installed packages is read only by who asks.
            from stations.version import version

            app = context.find_object(App)
            print(f"banjian {version()}", file=app.out if app is not None else None)
            context.exit()

    option = LocalOption(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=say("opt.version")
    )
    option.common = True
    return option


def _show_help() -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        app = context.find_object(App)
        print(context.get_help(), file=app.out if app is not None else None)


def _first_word(args: Sequence[str]) -> str:
    skip = False
    for word in args:
        if skip:
            skip = False
        elif word == "--lang":
            skip = True
        elif not word.startswith("-"):
            return word
    return ""
