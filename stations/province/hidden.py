"""Names and numbers as platforms show them: partly hidden, with other dots, an older form, words before them.

What is hidden contradicts nothing; what is shown is compared.
"""

from __future__ import annotations

import re
from typing import Final

from ledger.identity import NAME_DOTS, plain_number
from stations.sheetin.clean import fold

_SIGNS: Final = "*\uff0a\u00d7\u25cf\u25cb\u25ce\u3007?\uff1f#\u67d0"
"""Stars, crosses, circles, question marks, and the word 某."""
_IN_NUMBER: Final = re.compile(f"[{_SIGNS}\u2022\u00b7._\u2014]+|(?<=[0-9])X{{2,}}|(?<=[0-9])X(?=[0-9])")
"""An X at the end of a number is its check digit; several, or one inside, hide something."""
_IN_NAME: Final = re.compile(f"[{_SIGNS}]+|(?<=[\u4e00-\u9fff])x+")
_BEFORE: Final = re.compile(f"\\A[^0-9A-Z{_SIGNS}\u2022\u00b7]+")
_DOTS: Final = "\u00b7", ""
"""As which dots are compared: platforms write others, or none."""
DIGITS_TELLING: Final = 4
_WEIGHTS: Final = tuple(2 ** (17 - at) % 11 for at in range(17))


def whole_number(number: str) -> str:
    """Return a number of which nothing is hidden, without words before it; "" for any other."""
    shown = _shown(number)
    return "" if _IN_NUMBER.search(shown) else shown


def number_forms(number: str) -> tuple[str, ...]:
    """Return a resident number in its forms of fifteen and of eighteen places; any other alone.

    Source: GB 11643-1999: the year without its century and no check digit before.
    """
    if re.fullmatch(r"[0-9]{15}", number):
        longer = f"{number[:6]}19{number[6:]}"
        total = sum(int(digit) * weight for digit, weight in zip(longer, _WEIGHTS, strict=True))
        return number, longer + "10X98765432"[total % 11]
    if re.fullmatch(r"[0-9]{6}19[0-9]{9}[0-9X]", number):
        return number, number[:6] + number[8:17]
    return (number,)


def shows_number(shown: str, number: str) -> bool:
    """Tell whether what is shown of a number may be of one that is known; where one is missing, it may."""
    if not shown or not number:
        return True
    shape = ".*".join(re.escape(one) for one in _IN_NUMBER.split(_shown(shown)))
    return any(re.fullmatch(shape, one) for one in number_forms(plain_number(number)))


def shows_name(shown: str, name: str) -> bool:
    """Tell whether what is shown of a name may be of one that is known; where one is missing, it may."""
    if not shown or not name:
        return True
    return any(_fits(_with_dots(fold(shown), dot, but=_SIGNS), _with_dots(fold(name), dot)) for dot in _DOTS)


def tells_who(name: str, number: str) -> bool:
    """Tell whether a name and a number show enough to say whose they are: a character, and four digits."""
    return bool(_IN_NAME.sub("", fold(name))) and len(_IN_NUMBER.sub("", _shown(number))) >= DIGITS_TELLING


def _fits(shown: str, name: str) -> bool:
    shape = ".+".join(re.escape(one) for one in _IN_NAME.split(shown))
    return re.fullmatch(shape, name) is not None


def _with_dots(name: str, dot: str, *, but: str = "") -> str:
    return name.translate({ord(one): dot for one in NAME_DOTS if one not in but})


def _shown(number: str) -> str:
    return _BEFORE.sub("", plain_number(number))
