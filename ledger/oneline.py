"""Characters that would let a text say something else than what was read when it was signed.

A line break begins a line of its own on a slip, a control character moves the cursor, a bidi control turns
what follows round, an invisible character makes two names of one. None belongs into a text of one line; a
text of several lines may hold line breaks and tabs alone. What was signed elsewhere stays as it is, and is
shown with the code point in place of the character.

Source: UAX #9, "Directional Formatting Characters"; UTR #36, "Unicode Security Considerations".
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_PLAIN: Final = re.compile(r"[ -~\u00b7\u3001-\u3011\u4e00-\u9fff\uff01-\uff5e]*")
"""Most texts: nothing in them has to be asked for."""
_REFUSED: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_BREAKS: Final = frozenset("\n\r\t")
_JOINERS: Final = frozenset("\u180e\u200c\u200d")
"""Invisible and yet writing: they give the letter before them its form, in the scripts named below."""
_JOINING: Final = ((0x0600, 0x08FF), (0x1800, 0x18AF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF))
"""Arabic, as Uyghur and Kazakh are written, and Mongolian. Source: The Unicode Standard, blocks."""
_BASIC_PLANE_LAST: Final = 0xFFFF


def hidden_character(text: str, *, lines: bool = False) -> str:
    """Return the first character that a text must not hold; "" when there is none.

    Args:
        text: what was typed.
        lines: whether it is a text of several lines.
    """
    if _PLAIN.fullmatch(text):
        return ""
    before = ""
    for character in text:
        if _is_hidden(character, before) and not (lines and character in _BREAKS):
            return character
        before = character
    return ""


def code_point(character: str) -> str:
    """Return the code point of a character as people write it: U+202E."""
    return f"U+{ord(character):04X}"


def shown(text: str, *, lines: bool = False) -> str:
    """Return a text with the code point in place of each character that it must not hold.

    Args:
        text: what somebody signed, perhaps with another program.
        lines: whether line breaks may stay.
    """
    if _PLAIN.fullmatch(text):
        return text
    made, before = "", ""
    # a carriage return alone would write over the line that stands there
    for character in text.replace("\r\n", "\n") if lines else text:
        keeps = not _is_hidden(character, before) or (lines and character in "\n\t")
        made += character if keeps else f"[{code_point(character)}]"
        before = character
    return made


def with_rare_codes(name: str) -> str:
    """Return a name as it is shown, and behind it the code points that fonts at hand may lack.

    No program knows which characters the font of a printer has. What stands outside the Basic Multilingual
    Plane, or means there what a local font says, comes out as an empty box on many; the code point tells it.
    """
    codes = dict.fromkeys(code_point(one) for one in name if _is_rare(one))
    return f"{shown(name)}（{' '.join(codes)}）" if codes else shown(name)


def _is_hidden(character: str, before: str) -> bool:
    if character in _JOINERS and before:
        return not any(first <= ord(before) <= last for first, last in _JOINING)
    return unicodedata.category(character) in _REFUSED


def _is_rare(character: str) -> bool:
    beyond = ord(character) > _BASIC_PLANE_LAST and not _is_hidden(character, "")
    return beyond or unicodedata.category(character) in ("Co", "Cn")
