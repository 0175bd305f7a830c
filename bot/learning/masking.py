"""Hides what belongs to one customer in a text that another one may get to see: rather too much than too little."""

import re
from collections.abc import Iterable

_WIDE = {wide: wide - 0xFEE0 for wide in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), *map(ord, "＠．＋－＿"))}
_GAP = r"[\s\-_.·\u200b\u2060\ufeff]{0,3}"
_CHINESE = "零〇一二三四五六七八九十百千万两"
_UNITS = r"m?ah|毫安|转|帕|pa\b|流明|瓦|w\b|ml|毫升"
_ENDS = r"(?=[\s，。；、,;!！?？]|您好|$)"

# In this order: what is longer or more telling comes before what is a part of it.
_SHAPES = (
    (re.compile(r"(?:https?://|www\.)[^\s，。；、！？）］】]+", re.IGNORECASE), "［链接］"),
    (re.compile(r"[a-z0-9._%+-]+\s?@\s?[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE), "［邮箱］"),
    (re.compile(r"\d{4}\s?(?:年|[-/.])\s?\d{1,2}\s?(?:月|[-/.])\s?\d{1,2}(?!\d)[日号]?|\d{1,2}\s?月\s?\d{1,2}\s?[日号]"), "［日期］"),
    (
        re.compile(
            r"(?:[¥￥$]|(?:rmb|cny|usd)\b)\s?\d[\d,，]*(?:\.\d+)?(?:\s?(?:元|块钱?))?"
            r"|\d[\d,，]*(?:\.\d+)?\s?(?:万|千|百)?\s?(?:元|块钱?|rmb\b|cny\b|yuan\b|dollars?\b)"
            rf"|[{_CHINESE}]+(?:元|块钱)|[{_CHINESE}]{{2,}}块",
            re.IGNORECASE,
        ),
        "［金额］",
    ),
    (re.compile(rf"(?<!\d)\d{{6}}{_GAP}(?:18|19|20)\d{{2}}{_GAP}\d{{4}}{_GAP}\d{{3}}[\dx](?![0-9a-z])", re.IGNORECASE), "［证件号］"),
    (re.compile(rf"(?<!\d)(?:\+?86{_GAP})?1[3-9](?:{_GAP}\d){{9}}(?!\d)|(?<!\d)0\d{{2,3}}{_GAP}\d{{7,8}}(?!\d)"), "［电话］"),
    (re.compile(rf"(?<![0-9a-z])(?:\d{_GAP}){{11}}\d(?!{_GAP}\d|[a-z])", re.IGNORECASE), "［订单号］"),
    (re.compile(r"(?<![0-9a-z])(?=(?:[a-z-]*\d){6})(?=[\d-]*[a-z])[a-z\d](?:-?[a-z\d]){7,}(?![0-9a-z])", re.IGNORECASE), "［单号］"),
    (re.compile(rf"(?<!\d)\d(?:{_GAP}\d){{4,}}+(?!\s?(?:{_UNITS}))", re.IGNORECASE), "［号码］"),
    (re.compile(rf"[{_CHINESE[:11]}幺]{{6,}}"), "［号码］"),
    (re.compile(r"(尾号|[后末]四位|验证码|取件码|密码|微信号?|qq号?)([是为：:\s]{0,3})[a-z\d*_-]{3,20}", re.IGNORECASE), r"\1\2［号码］"),
    (re.compile(r"(?:(?![头是为给由开])[\u4e00-\u9fff]){2,30}?(?:有限|股份|责任){1,3}公司"), "［公司］"),
    (
        re.compile(
            r"(?:(?![到在至往寄是为])[\u4e00-\u9fff]){2,24}(?<=[路街巷弄道区园寓村镇])\s?\d+\s?(?:号|弄|幢|栋|座|单元|室|楼|-)"
            r"(?:[\s\d-]{0,8}\d\s?(?:号楼|号|幢|栋|座|单元|层|楼|室)){0,5}(?:\d+(?![\d月日年]))?"
        ),
        "［地址］",
    ),
    (re.compile(rf"(收件人|收货人|联系人|姓名|户名)((?:是|为|改[成为]|[：:])?\s?)[\u4e00-\u9fff·]{{2,6}}?{_ENDS}"), r"\1\2［姓名］"),
    (re.compile(r"(?:(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{1,4}|[\u4e00-\u9fff])(?:先生|女士|小姐|太太)"), "［称呼］"),
)


def mask(text: str, private: Iterable[str] = ()) -> str:
    """The text with labels in place of what looks like an order, phone, card or tracking number, an e-mail address, an amount, a date, a
    link, a name or an address, and in place of every text of `private` (what the record knows of the customer).

    >>> mask("订单 2026-1123-0456 的 ￥99.5 已退回，袁小姐", ["袁若溪"])
    '订单 ［订单号］ 的 ［金额］ 已退回，［称呼］'
    """
    text = text.translate(_WIDE)
    for known in sorted((known.translate(_WIDE).strip() for known in private), key=len, reverse=True):
        if len(known) > 1:
            text = text.replace(known, "［顾客信息］")
    for shape, label in _SHAPES:
        text = shape.sub(label, text)
    return text
