"""How commands are declared: a path, a function, its parameters; all words come from the text files.

Click parses; help, usage and errors are written here, because Click's own are English and measure text in
characters where Chinese needs columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ledger.errors import BanjianError, ConfigError
from ledger.facade.base.home import Home
from stations.cli.asmeant import extra_words, options_of
from stations.cli.call import App, Call
from stations.cli.types import OneOf, StaffType, StationType, TextType
from stations.journal import write_event
from stations.texts import Say
from stations.words.cells import cell_width, pad, wrap_cells

Run = Callable[..., int]
"""A command's work: takes the call and its parameters, returns the exit code."""
_HELP_COLUMNS = 100
_BUILTINS = frozenset(("all", "dir", "for", "import", "open"))
_COMMON = ("json", "dir", "lang", "as", "key", "station")


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter of a command; its help has the key ``opt.<command>.<name>`` or ``opt.<name>``.

    Attributes:
        name: ``DATE`` (capitals) for an argument, ``unit`` for an option ``--unit``.
        type: how the word becomes a value.
        flag: an option without value.
        many: may be given several times.
        help: words instead of those of the key.
        common: listed apart in the help, with what most commands take.
        rare: listed last in the help, with what few cases need.
    """

    name: str
    type: click.ParamType[object] | None = None
    required: bool = False
    flag: bool = False
    many: bool = False
    help: str = ""
    common: bool = False
    rare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One command: path, work, parameters.

    Attributes:
        path: ``("calendar", "due")``.
        signs: whether it signs, and so takes ``--key``, ``--as`` and ``--station``.
        reports: whether it answers programs, and so takes ``--json``.
        needs_home: whether it works on an installation, and so takes ``--dir``.
        help: words instead of those of ``cmd.<path>``.
        group: heading under which the top-level help lists it.
        fallback: whether its last word may be left out: ``join INVITE DIR`` is ``join start INVITE DIR``.
    """

    path: tuple[str, ...]
    run: Run
    params: Sequence[Param] = ()
    signs: bool = False
    reports: bool = True
    needs_home: bool = True
    help: str = ""
    group: str = "other"
    fallback: bool = False


class LocalOption(click.Option):
    """An option that knows under which heading the help lists it."""

    common: bool = False
    rare: bool = False


class LocalCommand(click.Command):
    """A command whose help is written in the reader's language."""

    say: Say
    section: str = "other"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words of the line.

        Raises:
            ConfigError: ``cli.extra`` for words that are left.
        """
        typed = options_of(self, args)
        ctx.allow_extra_args = True
        try:
            left = super().parse_args(ctx, [*typed])
        except click.BadOptionUsage as error:
            # What fails while words are parted does not say of which command.
            error.ctx = error.ctx or ctx
            raise
        if left and not ctx.resilient_parsing:
            raise extra_words(self, typed, left, ctx.command_path)
        return left

    def get_help(self, ctx: click.Context) -> str:
        """Return the help page."""
        return help_page(self, ctx, self.say)


class LocalGroup(click.Group):
    """A group of commands whose help is written in the reader's language."""

    say: Say
    section: str = "setup"

    def get_help(self, ctx: click.Context) -> str:
        """Return the help page."""
        return help_page(self, ctx, self.say)


def build_command(spec: Spec, say: Say) -> LocalCommand:
    """Return the command of a declaration."""
    params = [_parameter(param, spec, say) for param in spec.params]
    params += [_parameter(param, spec, say) for param in _common_params(spec)]

    def callback(**values: object) -> int:
        context = click.get_current_context()
        return _run(spec, say, context.find_object(App), values)

    command = LocalCommand(
        name=spec.path[-1],
        callback=callback,
        params=params,
        help=spec.help or say(f"cmd.{'.'.join(spec.path)}"),
        add_help_option=False,
    )
    command.params.append(help_option(say))
    command.say = say
    command.section = spec.group
    return command


def help_option(say: Say) -> click.Option:
    """Return the option that prints the help page."""

    def show(context: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            app = context.find_object(App)
            print(context.get_help(), file=app.out if app is not None else None)
            context.exit()

    option = LocalOption(
        ["-h", "--help"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=say("opt.help")
    )
    option.common = True
    return option


def _common_params(spec: Spec) -> list[Param]:
    params: list[Param] = []
    if spec.signs:
        kinds = {"as": StaffType(), "key": None, "station": StationType()}
        params += [Param(name=name, type=kind, common=True) for name, kind in kinds.items()]
    if spec.needs_home:
        params.append(Param(name="dir", common=True))
    if spec.reports:
        params.append(Param(name="json", flag=True, common=True))
    return [*params, Param(name="lang", type=OneOf(("zh", "en")), common=True)]


def _parameter(param: Param, spec: Spec, say: Say) -> click.Parameter:
    kind = param.type or TextType()
    if param.name.isupper():
        argument = click.Argument(
            [param.name.lower()], type=kind, required=param.required, nargs=-1 if param.many else 1
        )
        argument.metavar = param.name if param.required else f"[{param.name}]"
        if param.many:
            argument.metavar += "…"
        return argument
    words = param.help or _option_words(param.name, spec, say)
    python_name = f"common_{param.name}" if param.name in _COMMON else param.name.replace("-", "_")
    declarations = [f"--{param.name}", python_name]
    if param.flag:
        flag = LocalOption(declarations, is_flag=True, help=words)
        flag.common, flag.rare = param.common, param.rare
        return flag
    option = LocalOption(declarations, type=kind, required=param.required, multiple=param.many, help=words)
    option.metavar = kind.name
    option.common, option.rare = param.common, param.rare
    return option


def _option_words(name: str, spec: Spec, say: Say) -> str:
    own = f"opt.{'.'.join(spec.path)}.{name}"
    return say(own) if say.has(own) else say(f"opt.{name}")


def _run(spec: Spec, say: Say, app: App | None, values: dict[str, object]) -> int:
    if app is None:
        raise RuntimeError("the command was started without its surroundings")
    own = {
        _keyword(name): _in_one_row(value) for name, value in values.items() if not name.startswith("common_")
    }
    given = {name[7:]: value for name, value in values.items() if name.startswith("common_")}
    for name, value in given.items():
        if value == "":
            # An empty variable of a script must not widen what is listed, or choose another key.
            raise ConfigError("cli.option_empty", option=f"--{name}")
    call = Call(
        app=app,
        say=say,
        command=" ".join(spec.path),
        json=bool(given.get("json")),
        directory=_path(given.get("dir") or app.env.get("BANJIAN_DIR")),
        station=str(given.get("station") or ""),
        key=_path(given.get("key") or app.env.get("BANJIAN_KEY")),
        staff_no=str(given.get("as") or ""),
    )

    def work() -> int:
        typed: dict[str, object] = {"as": call.staff_no, "station": call.station}
        common = _known(call, typed, {"as": StaffType(), "station": StationType()})
        call.staff_no, call.station = str(common["as"]), str(common["station"])
        types = {_keyword(param.name.lower().replace("-", "_")): param.type for param in spec.params}
        return spec.run(call, **_known(call, own, types))

    return _told(spec, call, work)


def _known(
    call: Call, values: dict[str, object], types: Mapping[str, click.ParamType[object] | None]
) -> dict[str, object]:
    """Return values with stations and people by their numbers, looked up where they are no whole numbers."""
    loose = {
        name: value
        for name, value in values.items()
        if isinstance(kind := types.get(name), StationType | StaffType)
        and isinstance(value, str)
        and not (kind.new or kind.is_whole(value))
    }
    if not any(loose.values()):
        return values
    # Only what was typed loosely needs the registry, and with it the event store.
    from stations.cli.known import look_up

    return {**values, **look_up(call, loose, types)}


def _in_one_row(value: object) -> object:
    """Return choices that stood in several words, each with several, in one row."""
    if isinstance(value, tuple) and value and all(isinstance(one, tuple) for one in value):
        return tuple(word for one in value for word in one)
    return value


def _told(spec: Spec, call: Call, work: Callable[[], int]) -> int:
    """Run a command and leave a line in the installation's log: what ran, how it ended, how long it took."""
    started_ms = call.app.clock.monotonic_ms()
    try:
        code = work()
    except BanjianError as error:
        _log(call, "refused", started_ms, code=error.code)
        raise
    if spec.signs and spec.group != "look":
        _log(call, "ran", started_ms, exit_code=code, **call.done)
    return code


def _log(call: Call, event: str, started_ms: int, **fields: str | int) -> None:
    if call.directory is not None and Home(call.directory).exists:
        took_ms = call.app.clock.monotonic_ms() - started_ms
        write_event(
            call.directory,
            event,
            at_ms=call.app.clock.now_ms(),
            command=call.command,
            took_ms=took_ms,
            **fields,
        )


def _keyword(name: str) -> str:
    """Return what a run function calls a parameter; names of builtins and keywords get an underscore."""
    return f"{name}_" if name in _BUILTINS else name


def _path(value: object) -> Path | None:
    return Path(str(value)) if value else None


def help_page(command: click.Command, ctx: click.Context, say: Say) -> str:
    """Return the help page of a command or group: usage, what it does, parameters, commands."""
    usage = " ".join((ctx.command_path, *command.collect_usage_pieces(ctx)))
    usage = usage.replace("[OPTIONS]", say("help.options_piece")).replace(
        "COMMAND [ARGS]...", say("help.command_piece")
    )
    lines = [f"{say('help.usage')} {usage}", ""]
    for paragraph in (command.help or "").splitlines():
        lines += [f"  {line}" for line in wrap_cells(paragraph, _HELP_COLUMNS - 2)]
    options = [param for param in command.params if isinstance(param, click.Option)]
    headed: dict[str, list[tuple[str, str]]] = {"options": [], "common": [], "rare": []}
    for param in options:
        headed[_heading(param)].append(_option_row(param))
    for heading, rows in headed.items():
        lines += _two_columns(say(f"help.{heading}"), rows)
    if isinstance(command, click.Group):
        lines += _command_lists(command, ctx, say)
    return "\n".join(lines)


def _heading(param: click.Option) -> str:
    if not isinstance(param, LocalOption):
        return "options"
    return "rare" if param.rare else "common" if param.common else "options"


def _option_row(param: click.Option) -> tuple[str, str]:
    names = ", ".join(param.opts)
    shown = names if param.is_flag else f"{names} {param.metavar or 'TEXT'}"
    words = param.help or ""
    return shown, f"* {words}" if param.required else words


def _command_lists(command: click.Group, ctx: click.Context, say: Say) -> list[str]:
    sections: dict[str, list[tuple[str, str]]] = {}
    for name in command.list_commands(ctx):
        inner = command.get_command(ctx, name)
        if inner is not None and not inner.hidden:
            section = inner.section if isinstance(inner, LocalCommand | LocalGroup) else "other"
            sections.setdefault(section, []).append((name, (inner.help or "").partition("\n")[0]))
    if ctx.parent is not None or len(sections) == 1:
        return _two_columns(say("help.commands"), [row for rows in sections.values() for row in rows])
    lines: list[str] = []
    for section in sorted(sections, key=_section_rank):
        lines += _two_columns(say(f"help.section.{section}"), sections[section])
    return lines


_SECTIONS = ("counter", "case", "look", "sync", "setup", "keep", "other")


def _section_rank(section: str) -> int:
    return _SECTIONS.index(section) if section in _SECTIONS else len(_SECTIONS)


def _two_columns(heading: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    left = min(max(cell_width(name) for name, _ in rows), 34)
    lines = ["", heading]
    for name, words in rows:
        wrapped = wrap_cells(words, _HELP_COLUMNS - left - 4)
        if cell_width(name) > left:
            lines.append(f"  {name}")
            lines += [f"  {' ' * left}  {line}" for line in wrapped]
            continue
        lines.append(f"  {pad(name, left)}  {wrapped[0]}".rstrip())
        lines += [f"  {' ' * left}  {line}" for line in wrapped[1:]]
    return lines
