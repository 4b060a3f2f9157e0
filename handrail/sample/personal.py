"""Personal data for the sample business: valid in form, plainly invented, from ranges kept free for it."""

from collections.abc import Callable
from typing import Final

from handrail.sample.dice import Dice
from handrail.sample.templates import lines

# Telephone authorities keep these ranges free for fiction.
_PHONES = (
    "+1 {area}-555-01{two}",
    "({area}) 555-01{two}",
    "{area}-555-01{two}",
    "+44 20 7946 0{three}",
    "+49 30 23125 {three}",
    "+33 1 99 00 {two} {other}",
    "+61 491 570 15{last}",
)
_AREAS = ("202", "212", "312", "415", "503", "617", "713")
_HOSTS = ("example.com", "example.org", "example.net", "mail.example.org")
_CARD_PREFIXES = ("40000000", "55550000", "41110000")
# Networks that RFC 5737 and RFC 3849 set aside for documentation.
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")


def luhn_digit(body: str) -> int:
    """Return the check digit that completes a string of digits. Source: ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * 2 for digit in body[::-1][::2]]
    plain = [int(digit) for digit in body[::-1][1::2]]
    return -(sum(value // 10 + value % 10 for value in doubled) + sum(plain)) % 10


def iban_check(country: str, account: str) -> str:
    """Return the two check digits of an account number. Source: ISO 13616, modulus 97."""
    digits = "".join(str(int(sign, 36)) for sign in f"{account}{country}00")
    return f"{98 - int(digits) % 97:02d}"


def _email(dice: Dice) -> str:
    name, surname = dice.pick(lines("words")["name"]).lower(), dice.pick(lines("words")["surname"]).lower()
    local = dice.pick((f"{name}.{surname}", f"{name}_{dice.digits(2)}", f"{name[0]}{surname}+home"))
    return f"{local}@{dice.pick(_HOSTS)}"


def _phone(dice: Dice) -> str:
    return dice.pick(_PHONES).format(
        area=dice.pick(_AREAS),
        two=dice.digits(2),
        three=dice.digits(3),
        other=dice.digits(2),
        last=dice.number(6, 9),
    )


def _card(dice: Dice) -> str:
    body = dice.pick(_CARD_PREFIXES) + dice.digits(7)
    return _grouped(body + str(luhn_digit(body)), dice.pick((" ", "-", "")))


def _iban(dice: Dice) -> str:
    accounts = (
        ("DE", "00000000" + dice.digits(10)),
        ("GB", "TEST000000" + dice.digits(8)),
        ("NL", "TEST" + dice.digits(10)),
    )
    country, account = dice.pick(accounts)
    return _grouped(f"{country}{iban_check(country, account)}{account}", dice.pick((" ", "")))


def _ssn(dice: Dice) -> str:
    # Area numbers from 773 to 899 had never been issued when areas still meant something.
    return f"{dice.number(773, 899)}-{dice.number(1, 99):02d}-{dice.number(1, 9999):04d}"


def _ip(dice: Dice) -> str:
    if dice.chance(0.15):
        return f"2001:db8::{dice.number(1, 65535):x}:{dice.number(1, 65535):x}"
    return f"{dice.pick(_NETWORKS)}.{dice.number(1, 254)}"


def _grouped(number: str, gap: str) -> str:
    return gap.join(number[start : start + 4] for start in range(0, len(number), 4))


PERSONAL: Final[dict[str, Callable[[Dice], str]]] = {
    "email": _email,
    "phone": _phone,
    "card": _card,
    "iban": _iban,
    "ssn": _ssn,
    "ip": _ip,
}
