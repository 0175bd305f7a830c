"""Facts of an order in words, for responses and tickets."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.crm.records import OrderView

SHOP_TIME = ZoneInfo("Asia/Shanghai")
STATUS = {
    "unpaid": "待付款", "paid": "已付款，待发货", "shipped": "已发货，运输中", "delivered": "已签收",
    "cancelled": "已取消", "refunding": "退款处理中", "refunded": "已退款",
}  # fmt: skip
COURIERS = {"顺丰": "SF Express", "京东": "JD Logistics", "中通": "ZTO Express"}
"""What couriers are called in English."""


def money(cents: int) -> str:
    """An amount in yuan, such as `¥1,299.00`."""
    return f"¥{cents // 100:,}.{cents % 100:02}"


def day(moment: datetime | None, locale: str = "zh") -> str:
    """A date in the shop's time; empty when there is none."""
    if moment is None:
        return ""
    local = moment.astimezone(SHOP_TIME)
    return f"{local:%B} {local.day}" if locale == "en" else f"{local.month} 月 {local.day} 日"


def opening(moment: datetime, locale: str = "zh", *, now: datetime | None = None) -> str:
    """When the shop opens, as somebody would say it at the time `now`, in the time zone of `moment`.

    >>> from datetime import timedelta
    >>> friday = datetime(2026, 11, 27, 21, 30, tzinfo=SHOP_TIME)
    >>> opening(friday + timedelta(hours=11, minutes=30), now=friday)
    '明天（周六）9:00 '
    """
    today = (now or datetime.now(moment.tzinfo)).astimezone(moment.tzinfo).date()
    days, clock = (moment.date() - today).days, f"{moment.hour}:{moment.minute:02}"
    if locale == "en":
        when = {0: "today", 1: f"tomorrow ({moment:%A})"}.get(days, f"on {moment:%A}, {moment:%B} {moment.day},")
        return f"{when} at {clock}"
    weekday = f"（周{'一二三四五六日'[moment.weekday()]}）"
    when = {0: "今天 ", 1: f"明天{weekday}"}.get(days, f"{moment.month} 月 {moment.day} 日{weekday}")
    return f"{when}{clock} "


def goods(order: OrderView, locale: str = "zh") -> str:
    """What was ordered, such as `空气炸锅 ×2、滤纸`; at most three lines."""
    named = [f"{item.name} ×{item.quantity}" if item.quantity > 1 else item.name for item in order.items[:3]]
    listed = (", " if locale == "en" else "、").join(named)
    return listed + ("…" if len(order.items) > 3 else "")


def order_values(order: OrderView, locale: str = "zh") -> dict[str, Any]:
    """What responses may say of an order that this conversation may know about."""
    return {
        "number": order.number,
        "goods": goods(order, locale),
        "paid": money(order.paid_cents),
        "total": money(order.total_cents),
        "courier": COURIERS.get(order.courier or "", order.courier or "the courier") if locale == "en" else order.courier or "快递",
        "tracking_number": order.tracking_number or "",
    }
