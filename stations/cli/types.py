"""How the words of the command line become values: numbers, dates, moments, choices.

Each conversion fails with an error of the product, in the reader's language, that names the option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import click

from ledger.errors import ConfigError
from stations.words.moments import CHINA, show_moment

_FULL_WIDTH = str.maketrans("０１２３４５６７８９－：．／　", "0123456789-:./ ")
_MOMENT = re.compile(r"(?:(\d{4})-(\d{1,2})-(\d{1,2})[ T])?(\d{1,2}):(\d{2})(?::(\d{2}))?")


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
        text = value.translate(_FULL_WIDTH).strip()
        if not re.fullmatch(r"-?\d{1,18}", text) or int(text) < self.least:
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
    """A moment in China time: 2026-02-13 09:30, or 09:30 for today."""

    name = "TIME"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds since 1970; a time of day alone is returned negative, as -1 - ms of the day."""
        return value if isinstance(value, int) else parse_moment(value, option_name(param))


class OneOf(click.ParamType[str]):
    """One of some words, or of the names that people have for them."""

    def __init__(
        self, values: Sequence[str], *, aliases: Mapping[str, str] | None = None, name: str = ""
    ) -> None:
        self.values = tuple(values)
        self.name = name or "|".join(self.values)
        self._aliases = aliases or {}

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word.

        Raises:
            ConfigError: ``cli.choice``.
        """
        if value in self.values:
            return value
        meant = self._aliases.get(value.strip())
        if meant is None:
            raise ConfigError("cli.choice", option=option_name(param), value=value, choices=self._choices())
        return meant

    def _choices(self) -> tuple[str, ...]:
        """Return the words as they are told: each with the name that people have for it."""
        names = {value: name for name, value in self._aliases.items()}
        return tuple(f"{value} {names[value]}" if value in names else value for value in self.values)


def parse_day(text: str, option: str) -> date:
    """Return a date.

    Raises:
        ConfigError: ``cli.date``.
    """
    plain = text.translate(_FULL_WIDTH).strip()
    match = re.fullmatch(r"(\d{4})-?(\d{2})-?(\d{2})|(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", plain)
    if match is None:
        raise ConfigError("cli.date", option=option, value=text)
    year, month, day = (int(part) for part in match.groups() if part is not None)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise ConfigError("cli.date", option=option, value=text) from error


def parse_moment(text: str, option: str) -> int:
    """Return a moment as milliseconds since 1970; a time of day alone as -1 - milliseconds of the day.

    Raises:
        ConfigError: ``cli.moment``.
    """
    match = _MOMENT.fullmatch(text.translate(_FULL_WIDTH).strip())
    if match is None:
        raise ConfigError("cli.moment", option=option, value=text)
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        moment = datetime(year or 1970, month or 1, day or 1, hour, minute, second, tzinfo=CHINA)
    except ValueError as error:
        raise ConfigError("cli.moment", option=option, value=text) from error
    if not year:
        return -1 - ((hour * 60 + minute) * 60 + second) * 1000
    return int(moment.timestamp()) * 1000


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
