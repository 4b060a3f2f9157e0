"""A password is long and not the first that comes to mind; wrong ones make everybody wait longer and longer."""

from datetime import timedelta

import pytest

from handrail import passwords
from handrail.errors import BadInput
from handrail.passwords import FEWEST, LONGEST_WAIT, MOST, TRIES, require_good, wait_after

GOOD = "vier graue Esel warten"


def refusal(password: str, name: str = "stella", business: str = "corner_shop") -> str:
    with pytest.raises(BadInput) as found:
        require_good(password, name=name, business=business)
    return str(found.value)


@pytest.mark.parametrize(
    "password", [GOOD, "korrekt-Pferd-7", "ёжик в тумане 12", "a b c d e f g h ", "stella mag Zitroneneis"]
)
def test_a_few_words_are_good_enough(password: str) -> None:
    require_good(password, name="stella", business="corner_shop")


def test_twelve_characters_are_enough_and_eleven_are_not() -> None:
    good = "zwölf Hasen?"
    assert len(good) == FEWEST
    require_good(good, name="stella", business="shop")
    assert "11 characters" in refusal(good[:-1])


def test_a_hundred_and_twenty_eight_characters_fit_and_one_more_does_not() -> None:
    longest = (GOOD * 10)[:MOST]
    require_good(longest, name="stella", business="shop")
    assert "129 characters" in refusal(longest + "x")


@pytest.mark.parametrize(
    "password",
    [
        "stella stella",
        "Stella123456",
        "corner_shop!!",
        "CornerShop2026",
        "cornerSTELLA11",
        "password1234",
        "Handrail-2026",
        "1234567890123",
        "qwertyuiop[]1",
        "Passwort!Passwort!",
    ],
)
def test_names_and_what_everybody_tries_first_do_not_count(password: str) -> None:
    assert "Add words of your own" in refusal(password)


def test_one_key_held_down_is_no_password() -> None:
    assert "different characters" in refusal("aaaabbbbccccdddd")
    require_good("aaaabbbbccccddde", name="stella", business="shop")


def test_a_short_name_does_not_forbid_its_letters() -> None:
    require_good("bo bobs boat away", name="bo", business="x")


def test_only_what_a_keyboard_writes_is_taken() -> None:
    assert "no keyboard writes" in refusal("graue Esel\0warten")


def test_the_right_password_is_right_however_its_umlaut_was_typed() -> None:
    kept = passwords.hashed("grüne Ente taucht")
    assert "grün" not in kept
    assert kept.startswith("$argon2id$")
    assert passwords.is_right("gru\u0308ne Ente taucht", kept)
    assert not passwords.is_right("grune Ente taucht", kept)
    assert passwords.hashed("grüne Ente taucht") != kept, "everybody has a salt of their own"


def test_nothing_is_right_where_no_password_is_kept() -> None:
    assert not passwords.is_right("nobody has this password", None)
    assert not passwords.is_right("", None)


def test_more_than_the_longest_password_is_never_right() -> None:
    kept = passwords.hashed("a" * MOST)
    assert not passwords.is_right("a" * (MOST + 1), kept)
    assert not passwords.is_right("a" * 100_000, kept)


def test_the_fifth_wrong_password_in_a_row_is_the_first_to_cost_time() -> None:
    assert wait_after(TRIES - 1) is None
    assert wait_after(TRIES) == timedelta(minutes=1)


def test_each_further_one_costs_twice_as_much_up_to_an_hour() -> None:
    waits = [wait_after(failures) or timedelta() for failures in range(TRIES, TRIES + 6)]
    assert [int(wait.total_seconds()) // 60 for wait in waits] == [1, 2, 4, 8, 16, 32]
    assert wait_after(TRIES + 6) == wait_after(10**6) == LONGEST_WAIT
