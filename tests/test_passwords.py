"""Passwords are kept as hashes only."""

import pytest

from bot.errors import BadInput
from bot.passwords import LONGEST, SHORTEST, fits, hashed


def test_a_password_fits_its_hash_and_no_other() -> None:
    kept = hashed("correct horse 电池")
    assert fits("correct horse 电池", kept)
    assert not fits("correct horse 电车", kept)
    assert not fits("", kept)


def test_the_hash_is_argon2id_and_salted() -> None:
    one, two = hashed("the same password"), hashed("the same password")
    assert one.startswith("$argon2id$")
    assert one != two
    assert "password" not in one


@pytest.mark.parametrize("length", [0, SHORTEST - 1, LONGEST + 1])
def test_too_short_and_too_long_are_refused(length: int) -> None:
    with pytest.raises(BadInput, match=f"{SHORTEST} to {LONGEST}"):
        hashed("x" * length)


@pytest.mark.parametrize("length", [SHORTEST, LONGEST])
def test_the_shortest_and_the_longest_are_taken(length: int) -> None:
    assert fits("字" * length, hashed("字" * length))


def test_nobody_signs_in_without_a_hash() -> None:
    assert not fits("nobody signs in with this", None)
    assert not fits("", None)


@pytest.mark.parametrize("kept", ["", "not a hash", "$argon2id$v=19$broken", "$2b$12$abcdefghijklmnopqrstuv"])
def test_a_broken_hash_lets_nobody_in(kept: str) -> None:
    assert not fits("nobody signs in with this", kept)
    assert not fits("whatever password", kept)
