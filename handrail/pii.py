"""Personal data in text: what is found, where it stands, and the text without it."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from stdnum import iban, numdb
from stdnum.us import ssn

from handrail.errors import BadInput
from handrail.normal import normalise


class PiiType(StrEnum):
    """What can be found, the most specific first: it wins where two findings are equally long."""

    IBAN = "iban"
    CARD = "card"
    SSN = "ssn"
    EMAIL = "email"
    IP = "ip"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class PiiSpan:
    """One piece of personal data: characters `start` (included) to `end` (excluded) of the text."""

    type: PiiType
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text with every finding replaced by its type in brackets; positions are those of the original."""

    text: str
    findings: tuple[PiiSpan, ...]


# Every repetition below is bounded, or starts only where no equal character stands before it: each
# search is linear in the length of the text.
_SEP = "[ \u00a0\u202f.\\-\u2010-\u2013/]"
_SIGNAL = re.compile(r"@|:[0-9A-Fa-f]{0,4}:|\d(?:\W{0,3}\d){5}|\d\.\d{1,3}\.\d|\d\d ?[A-Za-z]{4} ?\d")
_LOCAL_PART = re.compile(r"[\w.%+'-]{1,64}\Z")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?!(?:png|jpe?g|gif|svg|webp)\b)[^\W\d_]{2,24}(?![\w-])")
_IBAN = re.compile(r"(?<![^\W_])([A-Za-z]{2})[0-9]{2}(?=[ \u00a0-]?[A-Za-z0-9]{4})")
_CARD = re.compile("(?<!\\d)(?=(\\d{4}(?:[ \u00a0\\-\u2010-\u2013]?\\d){9,15})(?!\\d))")
_SSN = re.compile("(?<![\\w.,-])\\d{3}([- \u2010-\u2013])\\d{2}\\1\\d{4}(?![\\w]|[-.,]\\d)")
_SSN_BARE = re.compile(r"(?i:\b(?:ssn|social security)\b)\W{0,3}(?:(?:no|number|is)\W{1,3}){0,2}(\d{9})(?!\w)")
_IPV4 = re.compile(r"(?<![\w.])(?<![A-Za-z]/)[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:])")
_KNOWN_PREFIX = re.compile(r"fe80|2[0-9a-f]{3}|f[cd]", re.IGNORECASE)
_NO_MORE = r"(?![\w]|[-.,/]\d)"
_EXTENSION = r"(?:[ ,]{0,2}(?:ext\.?|extension|x)[ .:]?\d{1,6})?"
_NANP = re.compile(
    rf"(?<![\w+])(?<!\d[.,/-])(?:1{_SEP}{{0,2}})?\(?(\d{{3}})\)?({_SEP}{{0,3}})\d{{3}}({_SEP}{{0,3}})\d{{4}}{_EXTENSION}{_NO_MORE}"
)
_LOCAL_PHONE = re.compile(
    rf"(?i:\b(?:phone|tel|telephone|mobile|cell|call|fax)\b)\W{{0,3}}(?:(?:no|number|me|at|on|is)\W{{1,3}}){{0,2}}"
    rf"(\d{{3}}[-. ]\d{{4}}){_NO_MORE}"
)
_INTERNATIONAL = re.compile(rf"(?<![\w+])(?:\+ ?|00)\(?\d\)?(?:{_SEP}{{0,2}}[()]?{_SEP}{{0,1}}\d){{6,14}}(?!\d)")
_NATIONAL = re.compile(
    rf"(?<![\w+])(?<!\d[.,/-])(?=(\(?\d{{2,5}}\)?(?:{_SEP}{{1,3}}\d{{2,8}}){{1,4}}|\d{{8,12}}){_NO_MORE})"
)
_GROUP = re.compile(r"\d+")
_EXTENDED = re.compile(_EXTENSION + r"(?!\w)")

_CODE_LABEL = re.compile(
    r"\b(?:orders?|invoice|tracking|parcel|shipment|waybill|sku|item|part|serial|model|batch|lot|ticket|case|"
    r"po|booking|confirmation|transaction|ref|reference|isbn|ean|upc|imei)\b\W{0,3}"
    r"(?:(?:no|nr|num|number|id|code|ref|is|was)\b\W{0,3}){0,3}\Z",
    re.IGNORECASE,
)
_PHONE_LABEL = re.compile(
    r"\b(?:phone|tel|telephone|mobile|cell|call|text|fax|whatsapp|reach|ring)\b\W{0,3}"
    r"(?:(?:no|nr|num|number|me|us|at|on|is)\b\W{0,3}){0,3}\Z",
    re.IGNORECASE,
)
_VERSION_LABEL = re.compile(
    r"\b(?:v|ver|version|release|build|firmware|update|patch|driver|section|clause|chapter)\b\W{0,2}\Z",
    re.IGNORECASE,
)
_IP_LABEL = re.compile(r"\b(?:ip|ipv4|address|addr|host|server|dns|gateway|from|ping)\b[^.\n]{0,16}\Z", re.IGNORECASE)
_ATTACHED = re.compile(r"(?:[^\W\d_]|[^\W_][-_/#])\Z")
_DATE = re.compile(r"(?:(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d)(?!\d)")
_IPV6_GROUPS = 3  # `a::b` is a word of many languages; three groups are an address
_SHORTEST_NUMBER = 7  # digits
_LABEL_REACH = 32  # characters before a number in which a label such as "Order no." is looked for

# Issuer prefixes of payment cards and the numbers of digits each issues.
_ISSUERS = (
    (re.compile(r"4"), {13, 16, 19}),
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|220[0-4]"), {16}),
    (re.compile(r"3[47]"), {15}),
    (re.compile(r"6011|65|64[4-9]|62|352[89]|35[3-8]|60|81|82"), {16, 17, 18, 19}),
    (re.compile(r"30[0-5]|309|36|38|39"), {14, 16, 19}),
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[1-3]"), set(range(13, 20))),
)
_NANP_REGIONS = frozenset(phonenumbers.region_codes_for_country_code(1))
_Span = tuple[int, int]


def find(text: str, types: Sequence[str] | None = None, region: str = "US") -> list[PiiSpan]:
    """Find personal data in a text, in order of position and without overlaps.

    Where two findings overlap the longer one wins, then the more specific type. `types` narrows the
    search (names of `PiiType`); `region` is the country whose national phone numbers are recognised.
    Hidden characters and letters in another shape hide nothing: a finding covers them, in characters of
    the text as it came. A text without any yields an empty list. The time is linear in the length of the text.

    Raises:
        BadInput: an unknown type or region.
    """
    wanted = _wanted(types, region)
    findings = _findings(text, wanted, region)
    normal = normalise(text)
    if normal.text != text:
        # Both are looked through: what stands in the text as it is written stays found, whatever is hidden in it.
        read = _findings(normal.text, wanted, region)
        findings += [PiiSpan(one.type, *normal.original(one.start, one.end)) for one in read]
    return _without_overlaps(findings, len(text)) if len(findings) > 1 else findings


def _findings(text: str, wanted: Sequence[PiiType], region: str) -> list[PiiSpan]:
    if _SIGNAL.search(text) is None:
        return []
    return [PiiSpan(kind, start, end) for kind in wanted for start, end in _DETECTORS[kind](text, region)]


def redact(text: str, types: Sequence[str] | None = None, region: str = "US") -> Redacted:
    """Replace every finding by its type in capitals: `mail a@b.org` becomes `mail [EMAIL]`.

    Raises:
        BadInput: an unknown type or region.
    """
    findings = find(text, types, region)
    if not findings:
        return Redacted(text, ())
    pieces: list[str] = []
    at = 0
    for finding in findings:
        pieces += (text[at : finding.start], f"[{finding.type.name}]")
        at = finding.end
    return Redacted("".join((*pieces, text[at:])), tuple(findings))


def redact_many(texts: Iterable[str], types: Sequence[str] | None = None, region: str = "US") -> list[Redacted]:
    """Redact each text, in order; no texts give an empty list.

    Raises:
        BadInput: an unknown type or region.
    """
    return [redact(text, types, region) for text in texts]


def _wanted(types: Sequence[str] | None, region: str) -> Sequence[PiiType]:
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise BadInput(f"Unknown phone region {region!r}. Use a two-letter country code such as US or DE.")
    if types is None:
        return tuple(PiiType)
    unknown = sorted({name for name in types if name not in list(PiiType)})
    if unknown:
        raise BadInput(f"Unknown PII type {', '.join(unknown)}. Use some of {', '.join(PiiType)}.")
    return [kind for kind in PiiType if kind.value in types]


def _without_overlaps(findings: list[PiiSpan], length: int) -> list[PiiSpan]:
    rank = list(PiiType).index
    taken = bytearray(length)
    kept = []
    for finding in sorted(findings, key=lambda f: (f.start - f.end, rank(f.type), f.start)):
        if not any(taken[finding.start : finding.end]):
            taken[finding.start : finding.end] = b"\1" * (finding.end - finding.start)
            kept.append(finding)
    return sorted(kept, key=lambda f: f.start)


def _emails(text: str, _region: str) -> Iterator[_Span]:
    at = text.find("@")
    while at >= 0:
        if domain := _DOMAIN.match(text, at + 1):
            local = _LOCAL_PART.search(text[max(0, at - 64) : at])
            if local and (name := local[0].lstrip(".-'")):
                yield at - len(name), domain.end()
        at = text.find("@", at + 1)


def _ibans(text: str, _region: str) -> Iterator[_Span]:
    for match in _IBAN.finditer(text):
        shape = _iban_shape(match[1].upper())
        candidate = shape and shape.match(text, match.start())
        if candidate and iban.is_valid(candidate[0].upper().replace("\u00a0", "").replace("-", "")):
            yield candidate.span()


@lru_cache(maxsize=1024)
def _iban_shape(country: str) -> re.Pattern[str] | None:
    structure = numdb.get("iban").info(country)[0][1].get("bban")
    if structure is None:
        return None
    length = 2 + sum(int(part) for part in re.findall(r"\d+", structure))
    return re.compile(rf"[A-Za-z]{{2}}(?:[ \u00a0-]?[A-Za-z0-9]){{{length}}}(?![^\W_])")


def _cards(text: str, _region: str) -> Iterator[_Span]:
    past = 0
    for match in _CARD.finditer(text):
        lengths = _issued_lengths(_digits(match[1][:4]))
        if not lengths or match.start() < past or _is_code(text, match.start()):
            continue
        for end in _group_ends(match[1]):
            digits = _digits(match[1][:end])
            if len(digits) in lengths and _luhn(digits):
                past = match.start() + end
                yield match.start(), past
                break


@lru_cache(maxsize=10_000)
def _issued_lengths(prefix: str) -> frozenset[int]:
    return frozenset(n for pattern, lengths in _ISSUERS if pattern.match(prefix) for n in lengths)


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2])) + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return total % 10 == 0


def _ssns(text: str, _region: str) -> Iterator[_Span]:
    for match in _SSN.finditer(text):
        if ssn.is_valid(_digits(match[0])) and not _is_code(text, match.start()):
            yield match.span()
    for match in _SSN_BARE.finditer(text):
        if ssn.is_valid(_digits(match[1])):
            yield match.span(1)


def _ips(text: str, _region: str) -> Iterator[_Span]:
    for match in _IPV4.finditer(text):
        octets = match[0].split(".")
        # 2.4.1.7 is more often a version than a host: without a word that says "address" it stays.
        plain = any(len(octet) > 1 for octet in octets) or _labelled(text, match.start(), _IP_LABEL)
        if plain and _is_ip(match[0]) and not _labelled(text, match.start(), _VERSION_LABEL):
            yield match.span()
    for match in _IPV6.finditer(text):
        groups = [group for group in match[0].split(":") if group]
        telling = len(groups) >= _IPV6_GROUPS or (len(groups) > 1 and _KNOWN_PREFIX.match(groups[0]))
        if telling and any(c.isdecimal() for c in match[0]) and _is_ip(match[0]):
            yield match.span()


def _is_ip(candidate: str) -> bool:
    try:
        ipaddress.ip_address(candidate)
    except ValueError:
        return False
    return True


def _phones(text: str, region: str) -> Iterator[_Span]:
    yield from _international_phones(text)
    yield from _nanp_phones(text, region) if region in _NANP_REGIONS else _national_phones(text, region)
    yield from (match.span(1) for match in _LOCAL_PHONE.finditer(text))


def _international_phones(text: str) -> Iterator[_Span]:
    for match in _INTERNATIONAL.finditer(text):
        if match[0].startswith("00") and _is_code(text, match.start()):
            continue
        for end in _group_ends(match[0]):
            number = re.sub(r"^00", "+", match[0][:end])
            if _is_phone(number, None) or (number.startswith("+1") and _NANP.fullmatch(number[1:])):
                yield match.start(), _with_extension(text, match.start() + end)
                break


def _nanp_phones(text: str, region: str) -> Iterator[_Span]:
    for match in _NANP.finditer(text):
        area, first, second = match.groups()
        labelled = _labelled(text, match.start(), _PHONE_LABEL)
        if not labelled and (_is_code(text, match.start()) or _is_amount(text, match.start())):
            continue
        bracketed = "(" in match[0]
        grouped = bool(second) and (bool(first) or bracketed)
        decimal = "." in first and not second
        if labelled or (grouped and area[0] not in "01") or (not decimal and _is_phone(match[0], region)):
            yield match.span()


def _national_phones(text: str, region: str) -> Iterator[_Span]:
    past = 0
    for match in _NATIONAL.finditer(text):
        start = match.start()
        if start < past or _DATE.match(match[1]):
            continue
        end = next((end for end in _group_ends(match[1]) if _is_phone(match[1][:end], region)), 0)
        if end and not _is_code(text, start) and not _is_amount(text, start):
            past = _with_extension(text, start + end)
            yield start, past


def _group_ends(candidate: str) -> list[int]:
    """Where a group of digits ends, the longest prefix of at least seven digits first."""
    ends, digits = [], 0
    for group in _GROUP.finditer(candidate):
        digits += group.end() - group.start()
        if digits >= _SHORTEST_NUMBER:
            ends.append(group.end())
    return ends[::-1]


def _with_extension(text: str, end: int) -> int:
    extension = _EXTENDED.match(text, end)
    return extension.end() if extension else end


@lru_cache(maxsize=65_536)
def _is_phone(number: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _is_code(text: str, start: int) -> bool:
    """Whether a number belongs to a code such as `SKU-4155552671` or follows a label such as `Order no.`."""
    return bool(_ATTACHED.search(text[max(0, start - 2) : start])) or _labelled(text, start, _CODE_LABEL)


def _is_amount(text: str, start: int) -> bool:
    return text[max(0, start - 2) : start].rstrip()[-1:] in {"$", "€", "£", "¥"}


def _labelled(text: str, start: int, label: re.Pattern[str]) -> bool:
    return label.search(text[max(0, start - _LABEL_REACH) : start]) is not None


def _digits(text: str) -> str:
    return text if text.isascii() and text.isdigit() else "".join(str(int(c)) for c in text if c.isdecimal())


_DETECTORS: dict[PiiType, Callable[[str, str], Iterator[_Span]]] = {
    PiiType.IBAN: _ibans,
    PiiType.CARD: _cards,
    PiiType.SSN: _ssns,
    PiiType.EMAIL: _emails,
    PiiType.IP: _ips,
    PiiType.PHONE: _phones,
}
