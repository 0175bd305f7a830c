"""Reading new delivery details out of one message: an address, a recipient, a phone number, or some of them."""

import re

from actions.reading import phone_in, plain

_LABELLED = {
    "recipient": r"(?:收货人|收件人|收件|姓名|名字|联系人|recipient|receiver|name)",
    "phone": r"(?:联系电话|收货电话|手机号码?|电话号码?|电话|手机|phone(?: number)?|mobile|tel)",
    "address": r"(?:收货地址|收件地址|新地址|地址|address)",
}
_LABEL = re.compile(
    r"(?:新的?|新|改成|改为|换成|is|to|new|my)?\s*(?:" + "|".join(f"(?P<{name}>{label})" for name, label in _LABELLED.items())
    + r")\s*(?:改成|改为|换成|是|为|is|to|[:：=])\s*", re.IGNORECASE,
)  # fmt: skip
_PHONE_TEXT = re.compile(r"(?<!\d)(?:\+?86[\s\-]*)?1[3-9](?:[\s\-]*\d){9}(?!\d)")
_PLACE = re.compile(
    r"[省市区县旗州镇乡村路街巷弄道号栋幢座楼室院园里城苑]|\b(?:road|rd|street|st|avenue|ave|lane|building|room|floor|district|city|no)\b",
    re.I,
)
_NAME = re.compile(r"[\u3400-\u9fff·]{2,4}|[A-Za-z][A-Za-z.'-]*(?: [A-Za-z][A-Za-z.'-]*){1,2}")
_NO_NAME = re.compile(r"电话|手机|号码|地址|收[件货]|姓名|联系|\b(?:phone|number|mobile|address|name)\b", re.I)
_SEPARATOR = re.compile(r"[,，;；、\n]+")
_LEAD = re.compile(
    r"^(?:请|麻烦|帮我|把|给我|只|就|另外|并且|还有|然后|改成|改为|改到|换成|换到|寄到|送到|(?:please|change|send|deliver|it|to)\b)\s*",
    re.I,
)


def delivery_in(text: str) -> dict[str, str]:
    """Columns of an order, `address`, `recipient` and `phone`, as far as the text names them; empty when it names none.

    >>> delivery_in("杭州市西湖区文一路 88 号 3 栋 502，收件人李雷，13800000011")
    {'phone': '13800000011', 'recipient': '李雷', 'address': '杭州市西湖区文一路 88 号 3 栋 502'}
    """
    said, found = plain(text), {}
    if phone := phone_in(said):
        found["phone"] = phone
        said = _PHONE_TEXT.sub(",", said)
    said = re.sub(r"(?<=收件人|收货人|联系人)(?=[\u3400-\u9fff])(?![为是改换])", ":", said)
    parts = _labelled(said)
    for label, value in parts:
        value = _lead_off(value)
        if label in {"recipient", "address"} and _fits(label, value):
            found.setdefault(label, value)
        elif label is None:
            for piece in filter(None, map(_lead_off, _SEPARATOR.split(value))):
                if _fits("address", piece):
                    found["address"] = f"{found['address']}, {piece}" if "address" in found else piece
                elif "recipient" not in found and len(parts) + len(found) > 1 and _is_name(piece):
                    found["recipient"] = piece
    return found


def _labelled(said: str) -> list[tuple[str | None, str]]:
    """The text cut at its labels; what precedes the first has none."""
    pieces: list[tuple[str | None, str]] = []
    label, start = None, 0
    for match in _LABEL.finditer(said):
        pieces.append((label, said[start : match.start()]))
        label, start = match.lastgroup, match.end()
    pieces.append((label, said[start:]))
    cut: list[tuple[str | None, str]] = []
    for name, value in pieces:
        if name == "recipient" and (parts := _SEPARATOR.split(value, maxsplit=1)):
            cut += [(name, parts[0]), *((None, rest) for rest in parts[1:])]
        else:
            cut.append((name, value))
    return [(name, value) for name, value in cut if value.strip(" ,，;；、。.")]


def _lead_off(value: str) -> str:
    """Without the words around a value."""
    value = value.strip(" ,，;；、。.\n")
    while (shorter := _LEAD.sub("", value)) != value:
        value = shorter
    return value


def _is_name(piece: str) -> bool:
    return _NAME.fullmatch(piece) is not None and not _PLACE.search(piece) and not _NO_NAME.search(piece)


def _fits(label: str, value: str) -> bool:
    if label == "address":
        return 6 <= len(value) <= 300 and _PLACE.search(value) is not None and (any(map(str.isdigit, value)) or len(value) >= 10)
    return bool(_NAME.fullmatch(value)) or 2 <= len(value) <= 40
