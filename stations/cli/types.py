"""How the words of the command line become values: numbers, dates, moments, choices.

Each conversion fails with an error of the product, in the reader's language, that names the option.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

import click

from ledger.errors import ConfigError
from ledger.registry.station import is_scope
from ledger.typedtime import narrow, read_day, read_moment
from stations.words.choices import chosen
from stations.words.factvalues import split_list
from stations.words.moments import CHINA, show_moment

_DASH = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_NUMBERED = re.compile(r"[0-9]{6,12}(?:-[A-Z0-9]{0,2})?(?:/\*)?")
_STAFF_NO = re.compile(r"[A-Z0-9][A-Z0-9.-]*")


class TextType(click.ParamType[str]):
    """Text as typed."""

    name = "TEXT"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        return value


class WholeNumber(click.ParamType[int]):
    """A whole number, also in full-width digits."""

    name = "N"

    def __init__(self, *, least: int = 0) -> None:
        self.least = least

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number.

        Raises:
            ConfigError: ``cli.number``.
        """
        if isinstance(value, int):
            return value
        text = narrow(value).strip()
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or int(text) < self.least:
            raise ConfigError("cli.number", option=option_name(param), value=value, least=self.least)
        return int(text)


class DateType(click.ParamType[date]):
    """A date: 2026-02-13, 20260213 or 2026/2/13."""

    name = "DATE"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the date.

        Raises:
            ConfigError: ``cli.date``.
        """
        return value if isinstance(value, date) else parse_day(value, option_name(param))


class MomentType(click.ParamType[int]):
    """A moment in China time: 2026-02-13 09:30, 2026年2月13日 9:30, or 09:30 for today."""

    name = "TIME"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds since 1970; a time of day alone is returned negative, as -1 - ms of the day."""
        return value if isinstance(value, int) else parse_moment(value, option_name(param))


class OneOf(click.ParamType[str]):
    """One of some codes, or of the names that people have for them in either language.

    Args:
        values: the codes.
        prefixes: keys under which their names stand; those of values of facts else.
        name: how the help calls the value; else it lists the codes.
    """

    def __init__(self, values: Sequence[str], *, prefixes: Sequence[str] = (), name: str = "") -> None:
        self.values = tuple(values)
        self.name = name or "|".join(self.values)
        self._prefixes = prefixes

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code.

        Raises:
            ConfigError: ``cli.choice``.
        """
        say = getattr(ctx.command, "say", None) if ctx is not None else None
        return chosen(value, self.values, option_name(param), prefixes=self._prefixes, say=say)


class Several(click.ParamType[tuple[str, ...]]):
    """Choices that may stand in one word, parted by commas; the command gets all of them in one row."""

    def __init__(self, kind: OneOf) -> None:
        self.kind = kind
        self.name = kind.name

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the codes.

        Raises:
            ConfigError: ``cli.choice``.
        """
        return tuple(self.kind.convert(word, param, ctx) for word in split_list("", value))


class StationType(click.ParamType[str]):
    """A station by its number or its name, or with everything below it.

    Args:
        new: the station is yet to be enrolled: it has no name that could be looked up.
    """

    name = "STATION"

    def __init__(self, *, new: bool = False) -> None:
        self.new = new

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the number in plain characters, or the name."""
        plain = _DASH.sub("-", narrow("".join(value.split()))).upper()
        return plain if _NUMBERED.fullmatch(plain) else value.strip()

    def is_whole(self, value: str) -> bool:
        """Tell whether a value is a number that needs no looking up."""
        return is_scope(value)


class StaffType(click.ParamType[str]):
    """A member of staff by number or name.

    Args:
        new: the person is yet to be enrolled.
    """

    name = "NO"

    def __init__(self, *, new: bool = False) -> None:
        self.new = new

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the number in plain characters, or the name."""
        return _DASH.sub("-", narrow(value)).strip()

    def is_whole(self, value: str) -> bool:
        """Tell whether a value is a number as numbers mostly are, which needs no looking up."""
        return _STAFF_NO.fullmatch(value) is not None


def parse_day(text: str, option: str) -> date:
    """Return a date.

    Raises:
        ConfigError: ``cli.date``.
    """
    day = read_day(text)
    if day is None:
        raise ConfigError("cli.date", option=option, value=text)
    return day


def parse_moment(text: str, option: str) -> int:
    """Return a moment as milliseconds since 1970; a time of day alone as -1 - milliseconds of the day.

    Raises:
        ConfigError: ``cli.moment``.
    """
    typed = read_moment(text)
    if typed is None or typed.at is None:
        raise ConfigError("cli.moment", option=option, value=text)
    moment_ms, at = typed.in_ms(), typed.at
    if moment_ms is None:
        return -1 - ((at.hour * 60 + at.minute) * 60 + at.second) * 1000
    return moment_ms


def on_day_of(moment_ms: int, now_ms: int) -> int:
    """Return a moment; one that is a time of day alone is put on the day of ``now_ms``, China time."""
    if moment_ms >= 0:
        return moment_ms
    midnight = datetime.fromtimestamp(now_ms / 1000, CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp()) * 1000 + (-1 - moment_ms)


def claimed_ms(moment: object, now_ms: int) -> int | None:
    """Return the moment that ``--at`` claims, None when it was not given.

    Raises:
        ConfigError: ``cli.future`` for a moment that has not come yet by this machine's clock.
    """
    if not isinstance(moment, int):
        return None
    claimed = on_day_of(moment, now_ms)
    if claimed > now_ms:
        raise ConfigError("cli.future", value=show_moment(claimed), now=show_moment(now_ms))
    return claimed


def option_name(param: click.Parameter | None) -> str:
    """Return how a parameter is called on the command line."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.human_readable_name if param is not None else "").upper()
