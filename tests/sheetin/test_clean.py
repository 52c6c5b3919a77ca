"""Texts and codes as Excel and people leave them; nothing is guessed."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stations.sheetin.clean import (
    Unclear,
    clean,
    clean_name,
    digits_of,
    fold,
    fold_heading,
    half_width,
    heading_spellings,
    plain_text,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  东门村\u00a0便民服务站 ", "东门村 便民服务站"),
        ("\ufeff东门村\u200b便民\u2060服务站\u00ad", "东门村便民服务站"),
        ("东门村\u3000\u3000便民服务站", "东门村 便民服务站"),
        ("第一行\n第二行\t第三", "第一行 第二行 第三"),
        ("古丽·阿不都热合曼", "古丽·阿不都热合曼"),
        ("\u2003\u200b\u00a0", ""),
        ("食品经营许可（新办）", "食品经营许可（新办）"),
    ],
)
def test_clean_keeps_what_is_meant_to_be_read(text: str, kept: str) -> None:
    assert clean(text) == kept


def test_names_lose_the_spaces_that_align_a_column_and_nothing_else() -> None:
    assert clean_name("张\u3000三") == "张三"
    assert clean_name(" 欧阳  小莲 ") == "欧阳小莲"
    assert clean_name("Anna  Li") == "Anna Li"
    assert clean_name("\U0002cc56\uf967") == "\U0002cc56\uf967", (
        "rare characters stay code point by code point"
    )


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (990121001001.0, "990121001001"),
        ("990121001001.0", "990121001001"),
        ("990121001001.00", "990121001001"),
        ("9.90121001001E+11", "990121001001"),
        ("9.90121001001e11", "990121001001"),
        ("９９０１２１００１００１", "990121001001"),
        ("\u00a09901 2100 1001\u200b", "990121001001"),
        ("'000131128000", "000131128000"),
        ("990121001001－0a", "990121001001-0A"),
        ("990121001001—00", "990121001001-00"),
        ("1.5", "1.5"),
    ],
)
def test_codes_lose_what_excel_put_in(value: str | float, code: str) -> None:
    assert digits_of(value) == code


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (330102199001011234.0, "cell.rounded"),
        ("9.9012E+11", "cell.exponent"),
        ("3.30102199001011E+17", "cell.exponent"),
        (date(2026, 1, 2), "cell.date"),
        (True, "cell.truth"),
    ],
)
def test_what_would_need_a_guess_is_refused(value: str | float | date, reason: str) -> None:
    with pytest.raises(Unclear) as caught:
        digits_of(value)
    assert caught.value.code == reason


def test_headings_are_known_without_their_decoration() -> None:
    assert fold_heading(" 事项 编码\uff0a： ") == "事项编码"
    assert heading_spellings("编码（１２位）*")[1] == "编码"
    assert heading_spellings("告知承诺（证明）（必填）")[1] == "告知承诺(证明)"
    assert fold("Item　Code") == fold("ITEM CODE") == "itemcode"


TEXTS = st.text(
    st.characters(exclude_categories=("Cs",))
    | st.sampled_from("\u00a0\u200b\u3000\ufeff\uff10\uff21\uff0d\u2014\uff41 1中\n"),
    max_size=40,
)


@given(TEXTS)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert half_width(half_width(text)) == half_width(text)
    assert fold(fold(text)) == fold(text)


@given(TEXTS)
def test_cleaning_only_takes_away_or_evens_out_spaces(text: str) -> None:
    left = [char for char in text if unicodedata.category(char) not in ("Cf", "Cc", "Zs", "Zl", "Zp")]
    assert [char for char in clean(text) if char != " "] == left


@given(st.integers(10**11, 10**12 - 1))
def test_every_code_of_twelve_digits_survives_every_disguise(code: int) -> None:
    digits = str(code)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in digits)
    exponent = f"{digits[0]}.{digits[1:]}E+11"
    for disguised in (
        float(code),
        digits,
        f"{digits}.0",
        wide,
        exponent,
        f" {digits[:6]}\u00a0{digits[6:]}\u200b",
    ):
        assert digits_of(disguised) == digits


@given(st.decimals(1, 10, places=5, allow_nan=False), st.integers(6, 14))
def test_a_cut_exponent_is_never_filled_up(mantissa: object, power: int) -> None:
    written = f"{mantissa}E+{power}"
    if str(mantissa).startswith("10"):
        return
    with pytest.raises(Unclear):
        digits_of(written)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_told_exactly_or_not_at_all(value: float) -> None:
    try:
        text = plain_text(value)
    except Unclear as unclear:
        assert unclear.code == "cell.rounded" and abs(value) >= 10**15
        return
    assert float(text) == value
