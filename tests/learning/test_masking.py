"""Nothing of one customer reaches another one's answer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.learning.masking import mask

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=100)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("订单202611230456已发出", "订单［订单号］已发出"),
        ("订单２０２６１１２３０４５６已发出", "订单［订单号］已发出"),
        ("订单 2026-1123-0456 到了", "订单 ［订单号］ 到了"),
        ("打15400001234找您", "打［电话］找您"),
        ("打 +86 154-0000-1234 找您", "打 ［电话］ 找您"),
        ("座机 0571-88880000", "座机 ［电话］"),
        ("一五四零零零零一二三四", "［号码］"),
        ("发到 Yuan.Ruoxi+a@mail.example.com 了", "发到 ［邮箱］ 了"),
        ("发到yuan@mail.example了", "发到［邮箱］了"),
        ("退您￥99.5，补 20 元", "退您［金额］，补 ［金额］"),
        ("共 1,299.00 元，或 $20", "共 ［金额］，或 ［金额］"),
        ("补您五十块，一共一百二十元", "补您［金额］，一共［金额］"),
        ("refund of 300 yuan", "refund of ［金额］"),
        ("预计11月26日到，2026-11-27 前", "预计［日期］到，［日期］ 前"),
        ("单号SF1234567890123", "单号［单号］"),
        ("税号91310115MA1K4ABC2D", "税号［单号］"),
        ("卡号6222 0210 0111 2345 678", "卡号［号码］"),
        ("身份证11010519900307123X", "身份证［证件号］"),
        ("尾号1234对吧", "尾号［号码］对吧"),
        ("验证码是 839201", "验证码是 ［号码］"),
        ("加微信 ruoxi_88", "加微信 ［号码］"),
        ("看 https://shop.example/o/1?t=abc，谢谢", "看 ［链接］，谢谢"),
        ("寄到杭州市西湖区桂雨巷8号3幢201室了", "寄到［地址］了"),
        ("收件人改成袁若溪，好吗", "收件人改成［姓名］，好吗"),
        ("您好张先生", "［称呼］"),
        ("抬头满月烘焙有限公司", "抬头［公司］"),
    ],
)
def test_what_has_the_shape_of_a_customers_own_is_hidden(said: str, shown: str) -> None:
    assert mask(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "一般 1–3 个工作日原路退回，7 天无理由，保修 1 年，24 小时内答复",
        "请连 2.4 GHz 的 Wi-Fi，长按 5 秒；第 1 步断电，第 2 步重启",
        "KC-KT17 和 iPhone 15 都可以，充电宝是 20000mAh 的",
        "我们一块儿看，大概 12 分钟",
        "密码登录也可以，尾号不对就换一个",
    ],
)
def test_what_belongs_to_nobody_stays(said: str) -> None:
    assert mask(said) == said


def test_what_the_record_knows_is_hidden_wherever_it_stands() -> None:
    known = ("袁若溪", "桂雨巷的老房子", "若", "")
    assert mask("袁若溪您好，会送到桂雨巷的老房子", known) == "［顾客信息］您好，会送到［顾客信息］"
    assert mask("若有问题请找我", known) == "若有问题请找我", "a single character is no name"


def test_the_longer_known_text_is_hidden_whole() -> None:
    assert mask("送到桂雨巷八号院", ("桂雨巷", "桂雨巷八号院")) == "送到［顾客信息］"


@given(ANY_TEXT, st.from_regex(r"[0-9]{12}", fullmatch=True), ANY_TEXT)
def test_an_order_number_never_shows(before: str, number: str, after: str) -> None:
    assert number not in mask(before + number + after)


@given(ANY_TEXT)
def test_masking_what_was_masked_shows_no_more(text: str) -> None:
    once = mask(text)
    assert re.search(r"\d{7}", mask(once)) is None
    assert re.search(r"\d{7}", once) is None
