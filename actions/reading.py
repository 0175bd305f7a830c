"""Reading answers: what a text holds, however it was typed. Pure functions; None where the answer is of no use."""

import re
import unicodedata

_GAP = r"[\s\-_.·]*"
_ORDER = re.compile(rf"(?<!\d)(?:\d{_GAP}){{11}}\d(?!{_GAP}\d)")
_PHONE = re.compile(rf"(?<!\d)(?:\+?86{_GAP})?(1[3-9](?:{_GAP}\d){{9}})(?!\d)")
_TAIL = re.compile(r"(?<!\d)\d{4}(?!\d)")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_TAX = re.compile(r"(?<![0-9A-Z])(?:[0-9A-Z]{20}|[0-9A-Z]{18}|[0-9A-Z]{15})(?![0-9A-Z])")


def plain(text: str) -> str:
    """With full-width letters and digits as ordinary ones, and without surrounding space."""
    return unicodedata.normalize("NFKC", text).strip()


def order_number_in(text: str) -> str | None:
    """The 12-digit order number in a text, also with spaces or dashes between the digits.

    >>> order_number_in("订单 2026-1123-0456 到哪了")
    '202611230456'
    """
    found = _ORDER.search(plain(text))
    return "".join(filter(str.isdigit, found.group())) if found else None


def phone_in(text: str) -> str | None:
    """The mobile number in a text, 11 digits."""
    found = _PHONE.search(plain(text))
    return "".join(filter(str.isdigit, found.group(1))) if found else None


def tail_in(text: str) -> str | None:
    """The last four digits of a phone number: four digits alone, or the end of a whole number."""
    whole = phone_in(text)
    if whole:
        return whole[-4:]
    found = _TAIL.findall(plain(text))
    return found[0] if len(found) == 1 else None


def email_in(text: str) -> str | None:
    """The e-mail address in a text."""
    found = _EMAIL.search(plain(text))
    return found.group() if found else None


def tax_number_in(text: str) -> str | None:
    """The taxpayer number in a text: 15, 18 or 20 letters and digits, in capitals."""
    found = _TAX.search(re.sub(r"[\s\-]", "", plain(text)).upper())
    return found.group() if found and any(map(str.isdigit, found.group())) else None
