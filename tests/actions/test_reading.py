from actions.delivery import delivery_in
from actions.reading import (
    asks,
    changes_mind,
    email_in,
    leaves,
    means_no,
    means_yes,
    order_number_in,
    phone_in,
    tail_in,
    tax_number_in,
    title_type_in,
)

import pytest  # isort: skip


@pytest.mark.parametrize(
    "text", ["202611230456", "订单号 2026 1123 0456 到哪了", "2026-1123-0456", "２０２６１１２３０４５６", "No.202611230456."]
)
def test_order_number_is_read_however_it_is_typed(text: str) -> None:
    assert order_number_in(text) == "202611230456"


@pytest.mark.parametrize("text", ["20261123045", "2026112304567", "SF2026112304567", "13800005678", "没有"])
def test_other_numbers_are_no_order_numbers(text: str) -> None:
    assert order_number_in(text) is None


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("138 0000 5678", "13800005678"),
        ("+86-13800005678", "13800005678"),
        ("电话：１３８００００５６７８", "13800005678"),
        ("12800005678", None),
        ("138000056789", None),
    ],
)
def test_phone(text: str, phone: str | None) -> None:
    assert phone_in(text) == phone


@pytest.mark.parametrize(
    ("text", "tail"),
    [("5678", "5678"), ("尾号５６７８", "5678"), ("13800005678", "5678"), ("567", None), ("56789", None), ("1234 或者 5678", None)],
)
def test_phone_tail(text: str, tail: str | None) -> None:
    assert tail_in(text) == tail


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("91330106ma2cf0xy9z", "91330106MA2CF0XY9Z"),
        ("税号 9133 0106 MA2C F0XY 9Z", "91330106MA2CF0XY9Z"),
        ("123456789012345", "123456789012345"),
        ("12345", None),
        ("有限责任公司", None),
    ],
)
def test_tax_number(text: str, number: str | None) -> None:
    assert tax_number_in(text) == number


def test_email() -> None:
    assert email_in("发到 Wang.Min+fp@example.com.cn 谢谢") == "Wang.Min+fp@example.com.cn"
    assert email_in("wang at example") is None


def test_title_type() -> None:
    assert [title_type_in(text) for text in ("个人就行", "开公司的", "Company", "personal please", "随便")] == [
        "personal",
        "company",
        "company",
        "personal",
        None,
    ]


@pytest.mark.parametrize("text", ["好的", "确认取消", "对的", "嗯嗯", "Yes!", "ok", "可以"])
def test_yes(text: str) -> None:
    assert means_yes(text)
    assert not means_no(text)


@pytest.mark.parametrize("text", ["不用了", "没有", "跳过", "先不办", "no", "not now", "不对"])
def test_no(text: str) -> None:
    assert means_no(text)
    assert not means_yes(text)


@pytest.mark.parametrize("text", ["算了", "那算了吧，谢谢", "不弄了", "never mind", "Forget it.", "取消"])
def test_leaving(text: str) -> None:
    assert leaves(text)


@pytest.mark.parametrize("text", ["收到就是坏的", "不想要这个颜色", "算了还是换货吧", "I never received it", "取消订单 202611230456"])
def test_staying(text: str) -> None:
    assert not leaves(text)


def test_questions_and_changes_of_mind() -> None:
    assert asks("运费谁出？")
    assert asks("how long does it take")
    assert not asks("收到的时候就是碎的")
    assert changes_mind("还是帮我换货吧")
    assert not changes_mind("尺码不对")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("改到上海市浦东新区张江路100号", {"address": "上海市浦东新区张江路100号"}),
        ("只改电话 13812345678", {"phone": "13812345678"}),
        ("改收件人为李四", {"recipient": "李四"}),
        ("张三 13800000011 北京市朝阳区建国路1号", {"recipient": "张三", "phone": "13800000011", "address": "北京市朝阳区建国路1号"}),
        (
            "收货人：王小明 电话：139 0000 0022 地址：广东省深圳市南山区科技园 8 栋",
            {"recipient": "王小明", "phone": "13900000022", "address": "广东省深圳市南山区科技园 8 栋"},
        ),
        ("change the address to Room 501, 8 Nanjing Road, Shanghai", {"address": "Room 501, 8 Nanjing Road, Shanghai"}),
        ("Recipient: Tom Smith, phone 13800000011", {"recipient": "Tom Smith", "phone": "13800000011"}),
        ("我想改地址", {}),
        ("不知道", {}),
    ],
)
def test_delivery_details(text: str, fields: dict[str, str]) -> None:
    assert delivery_in(text) == fields
