"""Numbers of payment cards, alone or in a longer text."""

import re
from typing import Final

# Digits in groups, with one space or hyphen between two groups, and no letter or digit at either end: the
# digits within our ids, hashes and addresses have a letter or an underscore beside them. Neither the
# decimals of a number nor a telephone number.
_DIGITS: Final = re.compile("(?<![\\w+])(?<!\\d\\.)\\d+(?:[ \u2010-\u2013-]\\d+)*(?!\\w)")
_GROUP: Final = re.compile(r"\d+")
# How cards are written. A UUID of digits alone has other groups.
_GROUPINGS: Final = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 5), (4, 6, 5), (4, 6, 4)})
# First digits and lengths of the schemes that people hold cards of.
# source: ISO/IEC 7812 and the schemes' published ranges
_ISSUED: Final = re.compile(
    r"4(?:\d{15}|\d{18})"  # Visa; those of 13 digits are gone, and a time in milliseconds has 13
    r"|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12,15}"  # Discover
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:50|5[6-8]|63|67|69)\d{11,17}"  # Maestro
)


def is_in(text: str) -> bool:
    """Whether the text holds a number that a card may have."""
    return any(_has_card(_GROUP.findall(found[0])) for found in _DIGITS.finditer(text))


def _has_card(groups: list[str]) -> bool:
    """Whether some of these groups of digits, next to each other, are a card's."""
    if any(_is_card(group) for group in groups):
        return True
    for first in range(len(groups)):
        for last in range(first + 3, min(first + 5, len(groups)) + 1):
            part = groups[first:last]
            if tuple(map(len, part)) in _GROUPINGS and _is_card("".join(part)):
                return True
    return False


def _is_card(digits: str) -> bool:
    return _ISSUED.fullmatch(digits) is not None and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others.

    source: ISO/IEC 7812-1, annex B.
    """
    backwards = [int(digit) for digit in reversed(digits)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in backwards[1::2])
    return (sum(backwards[0::2]) + sum(doubled)) % 10 == 0


def without(text: str, mark: str) -> str:
    """The text with `mark` where such numbers stood."""
    return _DIGITS.sub(lambda found: mark if _has_card(_GROUP.findall(found[0])) else found[0], text)
