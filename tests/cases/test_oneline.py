"""Texts of one line: what breaks, turns or hides in them is refused before signing, shown as code point."""

from __future__ import annotations

import pytest

from ledger.errors import InputError
from ledger.identity import check_name, check_personal
from ledger.oneline import hidden_character, shown, with_rare_codes
from ledger.registry.actions import staff_personal

HIDDEN = (
    "\n",
    "\r",
    "\t",
    "\x1b",
    "\x85",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\u200f",
)


@pytest.mark.parametrize("character", HIDDEN, ids=[f"{ord(one):04X}" for one in HIDDEN])
def test_what_breaks_turns_or_hides_is_found_and_shown_by_its_code_point(character: str):
    text = f"王{character}某"
    assert hidden_character(text) == character
    assert shown(text) == f"王[U+{ord(character):04X}]某"
    with pytest.raises(InputError, match=r"identity\.name"):
        check_name(text)
    with pytest.raises(InputError) as refused:
        check_personal({"applicant": {"name": "王某", "address": text}})
    assert (refused.value.code, refused.value.params["character"]) == (
        "identity.hidden",
        f"U+{ord(character):04X}",
    )
    with pytest.raises(InputError):
        staff_personal(name=text)


@pytest.mark.parametrize(
    "text",
    [
        "王某",
        "阿卜杜·热合曼",
        "﨑",
        "葛\U000e0100",
        "𠮷",
        "\ue123",
        "ᠮᠠ\u180eᠠ",
        "\u0628\u200c\u0644",
        "Ann O'Neill",
        "甲\u3000乙",
    ],
)
def test_every_script_may_be_written(text: str):
    assert hidden_character(text) == ""
    assert shown(text) == text


def test_a_joiner_between_chinese_characters_hides():
    assert hidden_character("王\u200d某") == "\u200d"


def test_only_a_text_of_several_lines_has_line_breaks():
    text = "第一行\r\n第二行\t完"
    assert hidden_character(text, lines=True) == ""
    assert shown(text, lines=True) == "第一行\n第二行\t完"
    assert shown("✓\r✗", lines=True) == "✓[U+000D]✗"
    check_personal({"text": text})
    with pytest.raises(InputError, match=r"identity\.hidden"):
        check_personal({"text": "一\u202e二"})


def test_a_character_that_a_font_may_lack_has_its_code_point_beside_it():
    assert with_rare_codes("王某") == "王某"
    assert with_rare_codes("𠮷\ue123𠮷") == "𠮷\ue123𠮷（U+20BB7 U+E123）"
