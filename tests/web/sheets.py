"""What a browser drew on each sheet of a PDF, character by character.

As Skia writes them: objects that are not packed, texts as codes of a face, each face with a table from codes
to Unicode, parts of a sheet as forms with faces of their own.

Source: ISO 32000-1, 9.4.3 (showing text), 9.10.3 (ToUnicode), 8.10 (forms).
"""

from __future__ import annotations

import re
import zlib
from functools import cache

_OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\s(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_DRAWING = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)> Tj|\[(.*?)\] ?TJ|/(X\d+) Do", re.DOTALL)
_ONE = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")
_RUN = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")


def sheets(pdf: bytes) -> list[set[str]]:
    """Return the characters that are drawn on each sheet, in the order of the sheets."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}

    @cache
    def face(number: int) -> tuple[int, dict[int, str]]:
        """Return how many digits a code has, and what each code draws."""
        table = _stream(objects[_link(objects[number], b"ToUnicode")])
        found: dict[int, str] = {}
        digits = 0
        for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
            for code, text in _ONE.findall(block):
                digits, found[int(code, 16)] = len(code), _text(text)
        for block in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.DOTALL):
            for low, high, text in _RUN.findall(block):
                digits, first = len(low), ord(_text(text))
                found.update(
                    {n: chr(first + n - int(low, 16)) for n in range(int(low, 16), int(high, 16) + 1)}
                )
        return digits, found

    def drawn(owner: int, content: int) -> set[str]:
        """Return what a content draws with the faces and forms of a sheet or a form."""
        named = {name: int(number) for name, number in re.findall(rb"/([FX]\d+) (\d+) 0 R", objects[owner])}
        found: set[str] = set()
        digits, codes = 0, dict[int, str]()
        for name, text, several, form in _DRAWING.findall(_stream(objects[content])):
            if name:
                digits, codes = face(named[name])
            elif form:
                inner = named[form]
                if b"/Form" in objects[inner]:
                    found |= drawn(inner, inner)
            else:
                for run in [text] if text else re.findall(rb"<([0-9A-Fa-f]+)>", several):
                    found |= {
                        codes.get(int(run[at : at + digits], 16), "") for at in range(0, len(run), digits)
                    }
        return found

    pages = [
        number
        for number, body in objects.items()
        if re.search(rb"/Type\s*/Page\b(?!s)", body.partition(b"stream")[0])
    ]
    order = {int(number): at for at, number in enumerate(_kids(objects))}
    return [
        drawn(page, _link(objects[page], b"Contents")) for page in sorted(pages, key=lambda page: order[page])
    ]


def _kids(objects: dict[int, bytes]) -> list[bytes]:
    """Return the sheets by number, in their order."""
    found: list[bytes] = []
    for body in objects.values():
        if re.search(rb"/Type\s*/Pages\b", body):
            found += re.findall(rb"(\d+) 0 R", re.findall(rb"/Kids \[(.*?)\]", body, re.DOTALL)[0])
    return found


def _link(body: bytes, name: bytes) -> int:
    found = re.search(rb"/%s (\d+) 0 R" % name, body)
    assert found, (name, body[:200])
    return int(found[1])


def _stream(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found, body[:200]
    return zlib.decompress(found[1]) if b"/FlateDecode" in body[: found.start()] else found[1]


def _text(digits: bytes) -> str:
    return bytes.fromhex(digits.decode("ascii")).decode("utf-16-be")
