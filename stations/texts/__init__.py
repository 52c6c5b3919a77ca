"""Words of the command line and of the pages by key, in Chinese and English.

Errors, actions, states and clocks have their texts in ``ledger.texts``; here lie the words that belong to no
code. A missing key shows itself instead of hiding the line.

The next step of an error may be a command. Whoever reads it on a page types none: there it is the button
(``page.*.toml``), or the county's technician.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ledger.texts import Language, Message, catalogue, fill, render
from ledger.texts.facts import fact_names, flattened
from ledger.types import Bilingual

GAP = "…"
_HOLE = "\0"
"""Stands where a value is missing while a text is tried; no value can hold it."""
COMMAND = re.compile(r"banjian(?:-audit)? [a-z{]|(?<![\w-])--[a-z]|`|banjian\.toml|BANJIAN_")
"""What only a command line or a file of settings takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Renders words in one language.

    Args:
        language: ``zh`` or ``en``.
        page: whether they are read on a page, where nobody types commands.
    """

    language: Language
    page: bool = False

    def __call__(self, key: str, /, **params: object) -> str:
        """Return the words of a key with its placeholders filled."""
        pattern = words(self.language).get(key)
        if pattern is None:
            return key
        return pattern.format(**params) if params else pattern

    def has(self, key: str) -> bool:
        """Whether there are words for a key."""
        return key in words(self.language)

    def message(self, code: str, params: Mapping[str, object]) -> Message:
        """Return what happened and the next step of a code; a value that nobody kept is an ellipsis."""
        return self._filled(code, params, gap=GAP)

    def kept(self, code: str, params: Mapping[str, object]) -> Message:
        """Return the same for a problem of which the code and some values were kept.

        A text with a hole in it tells nobody anything: where a value is missing, words stand for it that need
        none (``unkept.*.toml``), else the code.
        """
        message = self._filled(code, params, gap=_HOLE)
        what = self._without_values(code) if _HOLE in message.what else message.what
        step = self("unkept.next") if _HOLE in message.next_step else message.next_step
        return Message(code=code, what=what, next_step=step)

    def _without_values(self, code: str) -> str:
        key = f"unkept_what.{code}"
        return self(key) if self.has(key) else self("unkept.what", code=code)

    def _filled(self, code: str, params: Mapping[str, object], *, gap: str) -> Message:
        message = render(code, params, language=self.language, gap=gap)
        return self._on_page(message, params, gap=gap) if self.page else message

    def _on_page(self, message: Message, params: Mapping[str, object], *, gap: str) -> Message:
        """Return a message as it stands on a page: a button or a person in place of a command."""
        held = words(self.language)
        what, step = held.get(f"page_what.{message.code}"), held.get(f"page.{message.code}")
        asked = self("page_technician") if COMMAND.search(message.next_step) else message.next_step
        return Message(
            code=message.code,
            what=message.what if what is None else fill(what, params, gap=gap),
            next_step=asked if step is None else fill(step, params, gap=gap),
        )

    def reason(self, code: str, **params: object) -> str:
        """Return what a code means where few of its values are known."""
        return self.kept(code, params).what

    def name(self, code: str, fallback: str = "") -> str:
        """Return the name of an action, state, light or clock; the fallback or the code when it has none."""
        entry = catalogue(self.language).get(code)
        if entry is not None:
            return entry.get("what", code)
        return fallback or code.rpartition(".")[2]

    def pick(self, text: Bilingual) -> str:
        """Return one of two texts."""
        return text.zh if self.language == "zh" else text.en


@cache
def words(language: Language) -> Mapping[str, str]:
    """Return all words of one language, ``zh.toml`` and ``*.zh.toml``; nested tables become dotted keys.

    With them what fields of acts and their values are called, which the audit knows as well.
    """
    flat = dict(fact_names(language))
    for path in sorted(resources.files(__package__).iterdir(), key=lambda item: item.name):
        if path.name.endswith(f"{language}.toml"):
            flat.update(flattened(tomllib.loads(path.read_text(encoding="utf-8"))))
    return flat
