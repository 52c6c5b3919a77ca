"""Whichever library is asked, the verdict is that of the strict equation: S times B is R plus k times A."""

from __future__ import annotations

from functools import cache
from hashlib import sha512

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.formats import sodium
from ledger.formats.keys import verify
from ledger.formats.sodium import surely_holds

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Y_OF_ORDER_EIGHT = 2707385501144840649318225287225658788936804267575313519463743609750303402022
Point = tuple[int, int]
Projective = tuple[int, int, int]
"""x and y over their common denominator z."""
ZERO: Point = (0, 1)


def point_at(y: int) -> Point:
    """Return the point with this y and an even x."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    assert (x * x - square) % P == 0
    return (P - x if x & 1 else x), y


def add(first: Point, second: Point) -> Point:
    (x1, y1), (x2, y2) = first, second
    both = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + both, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - both, -1, P)
    return x % P, y % P


@cache
def times(number: int, point: Point) -> Point:
    """Double and add with the denominators kept aside, so that only the last step divides."""
    found, double = (0, 1, 1), (*point, 1)
    while number:
        if number & 1:
            found = _add_projective(found, double)
        double, number = _add_projective(double, double), number >> 1
    x, y, z = found
    inverse = pow(z, -1, P)
    return x * inverse % P, y * inverse % P


def _add_projective(first: Projective, second: Projective) -> Projective:
    (x1, y1, z1), (x2, y2, z2) = first, second
    z = z1 * z2 % P
    xx, yy = x1 * x2 % P, y1 * y2 % P
    both = D * xx * yy % P
    less, more = (z * z - both) % P, (z * z + both) % P
    return z * less * (x1 * y2 + x2 * y1) % P, z * more * (yy + xx) % P, less * more % P


def packed(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


B = point_at(4 * pow(5, -1, P) % P)
TORSION = [times(number, point_at(Y_OF_ORDER_EIGHT)) for number in range(8)]
SECRET, NONCE = 2**200 + 7, 2**150 + 3


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(r + key + message).digest(), "little") % L


def forged(message: bytes, *, nonce: int, r_twist: Point, key_twist: Point) -> tuple[bytes, bytes]:
    """Return key and signature whose R and A carry points of small order beside the genuine ones."""
    key = packed(add(times(SECRET, B), key_twist))
    r = packed(add(times(nonce, B), r_twist))
    s = (nonce + challenge(r, key, message) * SECRET) % L
    return key, r + s.to_bytes(32, "little")


def strictly_holds(key: Point, r: Point, s: int, k: int) -> bool:
    return times(s, B) == add(r, times(k, key))


def openssl_says(key: bytes, sig: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(sig, message)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("nonce", [NONCE, 0])
@pytest.mark.parametrize("key_twist", range(8))
@pytest.mark.parametrize("r_twist", range(8))
def test_the_equation_without_cofactor_decides(r_twist: int, key_twist: int, nonce: int) -> None:
    for message in (b"a", b"b", b"c"):
        twists = {"r_twist": TORSION[r_twist], "key_twist": TORSION[key_twist]}
        key, sig = forged(message, nonce=nonce, **twists)
        a, r = add(times(SECRET, B), TORSION[key_twist]), add(times(nonce, B), TORSION[r_twist])
        k = challenge(sig[:32], key, message)
        expected = strictly_holds(a, r, int.from_bytes(sig[32:], "little"), k)
        assert verify(key, sig, message) == expected == openssl_says(key, sig, message)
        if surely_holds(key, sig, message):
            assert expected


def test_a_small_r_is_left_to_the_other_library() -> None:
    key, sig = forged(b"a", nonce=0, r_twist=ZERO, key_twist=ZERO)
    assert not surely_holds(key, sig, b"a")
    assert verify(key, sig, b"a")


def test_genuine_signatures_are_settled_at_once() -> None:
    key, sig = forged(b"a", nonce=NONCE, r_twist=ZERO, key_twist=ZERO)
    assert surely_holds(key, sig, b"a")
    assert not surely_holds(key, sig, b"b")


def test_the_probe_holds_with_the_cofactor_alone() -> None:
    key, sig, message = sodium._PROBE_KEY, sodium._PROBE_SIG, sodium._PROBE_MESSAGE
    a, r = point_of(key), point_of(sig[:32])
    s, k = int.from_bytes(sig[32:], "little"), challenge(sig[:32], key, message)
    assert not strictly_holds(a, r, s, k)
    assert times(8, times(s, B)) == times(8, add(r, times(k, a)))
    assert not verify(key, sig, message)


def point_of(raw: bytes) -> Point:
    number = int.from_bytes(raw, "little")
    x, y = point_at(number & (2**255 - 1))
    return (P - x if number >> 255 else x), y


def test_a_library_that_takes_the_probe_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def lax(signed: bytes, key: bytes) -> bytes:
        return signed[64:]

    key, sig = forged(b"a", nonce=NONCE, r_twist=ZERO, key_twist=ZERO)
    sodium._is_strict.cache_clear()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(sodium, "crypto_sign_open", lax)
            assert not sodium._is_strict()
            assert not surely_holds(key, sig, b"a")
            assert verify(key, sig, b"a")
            assert not verify(key, sig, b"b")
    finally:
        sodium._is_strict.cache_clear()
    assert surely_holds(key, sig, b"a")
