"""What fills the slots of a sentence: words, dates, and numbers that look personal and are not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from handrail.sample.dice import Dice
from handrail.sample.events import NEW_PRODUCT
from handrail.sample.personal import PERSONAL, luhn_digit
from handrail.sample.templates import Segment, lines

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass
class CaseDraft:
    """One case while it is being written: what its steady slots have already said stays the same."""

    week: int
    dice: Dice
    amount: float | None = None
    filled: dict[str, str] = field(default_factory=dict)
    has_new_product: bool = False

    def fill(self, slot: str) -> Segment:
        """Fill a slot; personal data come as segments of their own type."""
        if slot in PERSONAL:
            return Segment(PERSONAL[slot](self.dice), slot)
        if slot in _STEADY:
            if slot not in self.filled:
                self.filled[slot] = _STEADY[slot](self)
            return Segment(self.filled[slot])
        if slot in _NUMBERS:
            return Segment(_NUMBERS[slot](self.dice))
        return Segment(_word(slot, self.dice))


def _word(slot: str, dice: Dice) -> str:
    return dice.pick(lines("words")[slot])


def _product(story: CaseDraft) -> str:
    story.has_new_product = NEW_PRODUCT.is_on(story.week) and story.dice.chance(NEW_PRODUCT.share)
    return _word("new_product" if story.has_new_product else "product", story.dice)


def _part(story: CaseDraft) -> str:
    return _word("new_part" if story.has_new_product else "part", story.dice)


def _money(story: CaseDraft) -> str:
    value = story.amount if story.amount is not None else round(8 + story.dice.uniform() ** 3 * 900, 2)
    return story.dice.pick((f"{value:.2f} EUR", f"€{value:,.2f}", f"{value:.2f} euros"))


def _order(story: CaseDraft) -> str:
    dice = story.dice
    return dice.pick((f"FH-{dice.digits(6)}", f"#{dice.digits(7)}", f"O{dice.digits(8)}"))


def _full_name(story: CaseDraft) -> str:
    return f"{_word('name', story.dice)} {_word('surname', story.dice)}"


def _tracking(dice: Dice) -> str:
    """Return a tracking number; those of sixteen digits fail the check digit of a card."""
    if dice.chance(0.5):
        return f"PW{dice.digits(9)}{dice.pick(_LETTERS)}X"
    body = "40" + dice.digits(13)
    return body + str((luhn_digit(body) + dice.number(1, 9)) % 10)


def _date(dice: Dice) -> str:
    day, month = dice.number(1, 28), dice.number(1, 12)
    in_words = f"{day} {lines('words')['month'][month - 1]}"
    return dice.pick((in_words, f"2026-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.2026"))


def _version(dice: Dice) -> str:
    return f"{dice.number(1, 9)}.{dice.number(0, 20)}.{dice.number(0, 9)}"


_STEADY: Final[dict[str, Callable[[CaseDraft], str]]] = {
    "product": _product,
    "part": _part,
    "amount": _money,
    "order": _order,
    "name": _full_name,
    "agent": lambda story: _word("name", story.dice),
    "plan": lambda story: _word("plan", story.dice),
    "carrier": lambda story: _word("carrier", story.dice),
    "code": lambda story: f"{story.dice.pick('EF')}{story.dice.number(1, 48):02d}",
}
_NUMBERS: Final[dict[str, Callable[[Dice], str]]] = {
    "tracking": _tracking,
    "date": _date,
    "version": _version,
    "sku": lambda dice: f"{dice.pick(_LETTERS)}{dice.pick(_LETTERS)}-{dice.digits(4)}-{dice.pick('SML')}",
    "months": lambda dice: str(dice.number(2, 12)),
    "time": lambda dice: f"{dice.number(8, 19)}:{dice.pick(('00', '15', '30', '45'))}",
    "street": lambda dice: f"{_word('street', dice)} {dice.number(1, 180)}",
    "serial": lambda dice: f"SN{dice.digits(5)}{dice.pick(_LETTERS)}{dice.digits(4)}",
    "batch": lambda dice: f"L{dice.number(1, 9)}/{dice.digits(4)}",
    "count": lambda dice: str(dice.number(3, 40)),
    # Four groups as in an IP address, the last above 255.
    "build": lambda dice: f"{_version(dice)}.{dice.number(256, 999)}",
    # The shape of an SSN, with an area number that is never issued.
    "partnumber": lambda dice: f"{dice.number(900, 999)}-{dice.digits(2)}-{dice.digits(4)}",
    # Ten digits as a telephone number has, but no area code begins with 1.
    "casenumber": lambda dice: f"10{dice.digits(8)}",
}
