"""Amounts as people write them: a number, and the currency that stands beside it or in a column of its own."""

import math
import re
from dataclasses import dataclass

from handrail import cells

_LISTED = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
CODES = frozenset(_LISTED.split())
"""ISO 4217, the currencies that are in use."""
SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY"}
DOLLAR = "$"
DOLLARS = frozenset({"USD", "AUD", "CAD", "NZD", "HKD", "SGD", "MXN", "ARS", "CLP", "COP"})
"""Currencies whose own sign is the dollar's: in such a business `$` means its own."""

_BESIDE = re.compile(r"(-?)\s*([A-Za-z]{3}|[$€£¥])?\s*(-?[0-9][0-9.,eE+-]*|-?\.[0-9]+)\s*([A-Za-z]{3}|[$€£¥])?")
_GROUPED_BY_POINT = re.compile(r"-?[1-9][0-9]{0,2}(?:\.[0-9]{3})+")


@dataclass(frozen=True, slots=True)
class StatedAmount:
    """An amount with the currency that was named: an ISO code, `$` where nobody says whose, None where none is named.

    `value` is NaN where the cell holds no number, or one that could be read in two ways.
    """

    value: float
    currency: str | None = None


def read(cell: str, own: str) -> StatedAmount:
    """Read an amount, such as `20`, `$1,234.50`, `USD 20` or `20 €`; `own` is the business's currency.

    The point is the decimal sign and commas group three digits. Beside a currency that is written elsewhere too,
    `1.200 €` could be a thousand or one: it is refused, and so are two currencies at once.

    >>> read("20 €", "EUR"), read("USD 1,200", "EUR")
    (StatedAmount(value=20.0, currency='EUR'), StatedAmount(value=1200.0, currency='USD'))
    """
    match = _BESIDE.fullmatch(cell.strip())
    if match is None:
        return StatedAmount(math.nan)
    sign, before, digits, after = match.groups()
    if (before and after) or (sign and digits.startswith("-")):
        return StatedAmount(math.nan)
    named = before or after
    currency = None if named is None else code(named, own)
    if named is not None and (currency is None or _GROUPED_BY_POINT.fullmatch(digits)):
        return StatedAmount(math.nan)
    return StatedAmount(cells.number(sign + digits), currency)


def code(text: str, own: str) -> str | None:
    """The currency that a code or sign names, `$` for a dollar of nobody knows where; None where it names none."""
    written = text.strip().upper()
    if written == DOLLAR:
        return own if own in DOLLARS else DOLLAR
    return SIGNS.get(written) or (written if written in CODES or written == own else None)
