"""Reading answers: what a text holds, however it was typed. Pure functions; None where the answer is of no use."""

import re
import unicodedata

LONGEST = 1000
"""More characters than this are no answer to a question."""
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


SKIPPED = "-"
"""The answer to an optional question that the customer left out."""

_YES = re.compile(
    r"(?:好的?|是的?|对的?|可以的?|嗯+|行|确认.{0,6}|确定.{0,6}|没错|没问题|同意|要的?|办吧"
    r"|ok|okay|yes|yep|yeah|sure|correct|confirm|go ahead)[啊呀吧呢哦的了]*"
)
_NO = re.compile(
    r"不(?:用|要|必|需要|对|是|行|办|了|想|取消).{0,8}|没有?|跳过|无|先不.{0,6}|别.{0,6}|no|nope|not? (?:thanks|now|needed)|skip|none|n/a",
    re.IGNORECASE,
)
_LEAVE = re.compile(
    r"(?:那|还是|我|先)*(?:算了|不(?:弄|办|查|改|换|退|开|用|想|修|搞|说|要)了|不用(?:弄|办|查|改|换|退|开)?了|退出|停|停止|结束|取消|放弃|不需要了?)(?:吧|谢谢)?"
    r"|(?:ok,? )?(?:never ?mind|forget (?:about )?(?:it|that)|stop|cancel|quit|exit|leave it|no longer needed)(?: please| thanks?)?",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"[?？]|吗|呢$|什么|怎么|如何|多少|多久|几天|哪|谁|为何|为啥|是不是|能不能|可不可以|有没有|要不要"
    r"|^(?:what|when|where|who|why|how|which|can|could|do|does|is|are|will|would)\b",
    re.IGNORECASE,
)
_INSTEAD = re.compile(
    r"还是.{0,12}吧|算了.{2,}|改成|改为|换成(?:退|换)|我?不(?:退|换|改|查)了.{2,}|\binstead\b|\bactually\b|\brather\b", re.IGNORECASE
)
_COMPANY = re.compile(r"企业|公司|单位|机构|专票|\bcompany\b|\bbusiness\b|\bcorporate\b|\bcorp\b|\binc\b|\bltd\b", re.IGNORECASE)
_PERSON = re.compile(r"个人|私人|自己|\bpersonal\b|\bindividual\b|\bprivate\b|\bmyself\b", re.IGNORECASE)
_ENDS = "。.!！~～,， "


def means_yes(text: str) -> bool:
    """Whether the text is nothing but a yes."""
    return _YES.fullmatch(plain(text).strip(_ENDS).lower()) is not None


def means_no(text: str) -> bool:
    """Whether the text is a no, or says that there is nothing."""
    return _NO.fullmatch(plain(text).strip(_ENDS)) is not None


def leaves(text: str) -> bool:
    """Whether the customer wants to stop what is under way (算了, never mind)."""
    said = plain(text).strip(_ENDS)
    parts = [part for part in re.split(f"[{_ENDS}]+", said) if part]
    return _LEAVE.fullmatch(said) is not None or (len(said) <= 20 and any(_LEAVE.fullmatch(part) for part in parts))


def asks(text: str) -> bool:
    """Whether the text looks like a question."""
    return _QUESTION.search(plain(text)) is not None


def changes_mind(text: str) -> bool:
    """Whether the text turns away from what was said before (还是换货吧, actually …)."""
    return _INSTEAD.search(plain(text)) is not None


def title_type_in(text: str) -> str | None:
    """`company` or `personal`, for whom an invoice is."""
    if _COMPANY.search(plain(text)):
        return "company"
    return "personal" if _PERSON.search(plain(text)) else None


def words_in(text: str) -> str | None:
    """The text itself when it holds at least one letter and not more than a short statement."""
    said = text.strip()
    return said if any(map(str.isalpha, said)) and len(said) <= LONGEST else None
