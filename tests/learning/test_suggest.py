"""Which replies are suggested, to whom, and what they never say."""

import csv
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.learning import suggest
from bot.learning.suggest import Answer, ReplySuggester
from tests.learning.replies import ASKED, CANNED

CANNED_ANSWERS = [Answer(shortcut, text, "canned") for shortcut, text in CANNED.items()]
SHORTCUTS = {text: shortcut for shortcut, text in CANNED.items()}
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)
PLEASE_WAIT = "您好，我是您的专属客服，请稍等，我帮您查一下"


@pytest.fixture(scope="module")
def suggester() -> ReplySuggester:
    return ReplySuggester(CANNED_ANSWERS)


def texts(found: list[suggest.Suggestion]) -> list[str]:
    return [suggestion.text for suggestion in found]


def shortcuts(suggester: ReplySuggester, asked: str, **options: Any) -> list[str]:
    return [SHORTCUTS.get(text, text) for text in texts(suggester.suggest(asked, **options))]


# Which


def test_the_right_canned_reply_is_among_the_first_three(suggester: ReplySuggester) -> None:
    assert len(ASKED) == 30
    missed = {asked: found for asked, wanted in ASKED if wanted not in (found := shortcuts(suggester, asked))}
    assert len(missed) <= 3, missed
    first = [asked for asked, wanted in ASKED if shortcuts(suggester, asked)[:1] == [wanted]]
    assert len(first) >= 24


@pytest.mark.parametrize("text", ["", " ", "哈哈", "ok", "😡😡", "嗯嗯", "好的谢谢", "谢谢你的耐心解答", "在吗"])
def test_small_talk_is_suggested_nothing(suggester: ReplySuggester, text: str) -> None:
    assert suggester.suggest(text) == []


def test_the_most_similar_comes_first(suggester: ReplySuggester) -> None:
    for asked, _ in ASKED:
        similarities = [suggestion.similarity for suggestion in suggester.suggest(asked)]
        assert similarities == sorted(similarities, reverse=True)
        assert all(suggest.FLOOR <= similarity <= 1 for similarity in similarities)


def test_as_many_as_wanted(suggester: ReplySuggester) -> None:
    asked = "退货退款的运费和发票"
    assert [len(suggester.suggest(asked, limit=limit)) for limit in (1, 2, 4)] == [1, 2, 4]
    assert texts(suggester.suggest(asked, limit=1)) == texts(suggester.suggest(asked, limit=4))[:1]


@given(ANY_TEXT)
def test_any_text_may_be_asked(suggester: ReplySuggester, text: str) -> None:
    assert len(suggester.suggest(text, "logistics")) <= 3


def test_without_answers_there_is_nothing_to_suggest() -> None:
    assert ReplySuggester([]).suggest("退款") == []


def test_answers_of_agents_are_found_by_what_was_asked() -> None:
    answer = "这个指示灯一直闪说明在充电，充满会变成常亮，请放心使用"
    suggester = ReplySuggester([*CANNED_ANSWERS, Answer("机器底下那个小绿点老是一闪一闪", answer, "agent")])
    found = suggester.suggest("小绿点为什么一闪一闪的")[0]
    assert (found.text, found.source) == (answer, "agent")


def test_a_canned_reply_learns_the_questions_that_it_was_sent_to(suggester: ReplySuggester) -> None:
    asked = "那个圆头圆脑的小家伙老说离线"
    assert "联网" not in shortcuts(suggester, asked)
    sent = [Answer(question, CANNED["联网"], "agent") for question in ("小家伙又离线了", "圆头圆脑那台显示离线")]
    assert shortcuts(ReplySuggester([*CANNED_ANSWERS, *sent]), asked)[0] == "联网"


def test_what_is_answered_to_everything_crowds_out_nothing() -> None:
    with (Path(__file__).parents[1] / "data" / "strangers.csv").open(encoding="utf-8", newline="") as file:
        strangers = [row["text"] for row in csv.DictReader(file)][:400]
    waiting = [Answer(asked, PLEASE_WAIT, "agent") for asked in strangers[:200]]
    answered = [Answer(asked, f"{asked}：{'甲乙丙丁'[number % 4]}", "agent") for number, asked in enumerate(strangers[200:])]
    suggester = ReplySuggester([*CANNED_ANSWERS, *waiting, *answered])
    assert sum(PLEASE_WAIT in shortcuts(suggester, asked) for asked, _ in ASKED) <= 3
    assert sum(wanted in shortcuts(suggester, asked) for asked, wanted in ASKED) >= 24


# Once


def test_the_same_is_said_once_and_in_the_words_of_the_canned_reply() -> None:
    variants = [
        "退款审核通过后 1–3 个工作日按付款的路径退回哦，信用卡会再晚一两天，请留意银行的通知。",
        "亲，退款审核通过后 1-3 个工作日按付款路径退回，信用卡会晚一两天，请留意银行通知",
    ]
    suggester = ReplySuggester([*CANNED_ANSWERS, *(Answer("退款什么时候到账", text, "agent") for text in variants)])
    found = suggester.suggest("退款什么时候到账")
    assert found[0].text == CANNED["退款到账"]
    assert found[0].source == "canned"
    assert set(texts(found)) & set(variants) == set()


def test_answers_that_differ_in_numbers_only_are_one() -> None:
    suggester = ReplySuggester([Answer("快递到哪了", f"订单20261123{tail}已到杭州，明天派送", "agent") for tail in ("0456", "0457")])
    assert texts(suggester.suggest("快递到哪了")) == ["订单［订单号］已到杭州，明天派送"]


# To whom


QUEUED = [
    Answer("多久能好", "师傅两天内会上门，修好之后再验收", "agent", "technical"),
    Answer("多久能好", "仓库今天打包，明天一早就能出库", "agent", "logistics"),
]


@pytest.mark.parametrize(("queue", "first"), [("technical", 0), ("logistics", 1)])
def test_answers_of_the_own_queue_come_first(queue: str, first: int) -> None:
    suggester = ReplySuggester(QUEUED)
    own, other = suggester.suggest("多久能好", queue)
    assert (own.text, other.text) == (QUEUED[first].text, QUEUED[1 - first].text)
    of_any = suggester.suggest("多久能好", "billing")
    assert other.similarity == pytest.approx(of_any[0].similarity, abs=0.05), "both are another queue's"
    assert own.similarity > 1.5 * other.similarity


def test_canned_replies_without_a_queue_are_everybodys(suggester: ReplySuggester) -> None:
    everywhere = [suggester.suggest("电子发票在哪里开", queue) for queue in (None, "billing", "logistics")]
    assert everywhere[0] == everywhere[1] == everywhere[2] != []


def test_what_was_answered_in_a_restricted_queue_stays_there() -> None:
    secret = "主管已经同意破例赔付，请不要对外说"
    answers = [*CANNED_ANSWERS, Answer("能破例赔付吗", secret, "agent", "complaint", restricted=True)]
    suggester = ReplySuggester(answers)
    assert secret in texts(suggester.suggest("能破例赔付吗", "complaint"))
    for queue in (None, "billing", "after_sales", "nowhere", ""):
        assert secret not in texts(suggester.suggest("能破例赔付吗", queue, limit=30)), queue


def test_an_answer_given_in_both_is_no_secret() -> None:
    answers = [Answer("几点上班", "我们早上九点到晚上九点都在", "agent", queue, queue == "complaint") for queue in ("complaint", "general")]
    assert texts(ReplySuggester(answers).suggest("几点上班", "general")) == ["我们早上九点到晚上九点都在"]
    assert texts(ReplySuggester(answers).suggest("几点上班", "complaint")) == ["我们早上九点到晚上九点都在"]


# What is never said


def test_nothing_of_the_customer_who_was_answered_is_suggested() -> None:
    text = (
        "袁若溪您好，订单202611230456退的￥99.50今天到账，单号SF1234567890123，电话154 0000 1234，"
        "发票寄到yuan@mail.example，送到桂雨巷的老房子"
    )
    suggester = ReplySuggester([Answer("退的钱到账了吗", text, "agent", private=("袁若溪", "桂雨巷的老房子"))])
    (found,) = suggester.suggest("退的钱到账了吗")
    assert found.text == (
        "［顾客信息］您好，订单［订单号］退的［金额］今天到账，单号［单号］，电话［电话］，发票寄到［邮箱］，送到［顾客信息］"
    )


def test_a_long_answer_is_masked_to_its_end() -> None:
    text = "请这样清洗滤网。" * 200 + "订单202611230456"
    (found,) = ReplySuggester([Answer("滤网怎么清洗", text, "agent")]).suggest("滤网怎么清洗")
    assert found.text.endswith("订单［订单号］")


def test_canned_replies_are_suggested_as_they_were_written() -> None:
    text = "满 99 元包邮，客服热线 400-000-1234"
    (found,) = ReplySuggester([Answer("包邮", text, "canned")]).suggest("多少包邮")
    assert found.text == text


# Made anew


def _many(number: int) -> list[Answer]:
    chance = random.Random(7)
    words = [word for text in CANNED.values() for word in text.split("，")]
    return [Answer("，".join(chance.sample(words, 2)), "，".join(chance.sample(words, 4)), "agent") for _ in range(number)]


def test_a_suggester_made_from_an_earlier_one_suggests_the_same() -> None:
    answers = CANNED_ANSWERS + _many(40)
    first = ReplySuggester(answers[:30] + _many(60)[50:])
    anew, fresh = ReplySuggester(answers, before=first), ReplySuggester(answers)
    for asked, _ in ASKED:
        assert anew.suggest(asked) == fresh.suggest(asked)
    assert ReplySuggester([], before=anew).suggest("退款") == []
    assert ReplySuggester(answers, before=ReplySuggester([])).suggest(ASKED[0][0]) == fresh.suggest(ASKED[0][0])


def test_texts_are_cut_into_terms_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ReplySuggester(CANNED_ANSWERS)
    cut: list[str] = []
    monkeypatch.setattr(suggest, "terms", lambda text: cut.append(text) or ("w:x",))
    ReplySuggester([*CANNED_ANSWERS, Answer("新问题", "新答案在这里", "agent")], before=first)
    assert set(cut) == {"新问题", "新答案在这里"}
    assert len(cut) == 2


def _fastest(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def test_suggesting_is_cheap_beside_learning_and_grows_slower_than_what_was_learnt() -> None:
    few, many = _many(100), _many(1000)
    small, large = ReplySuggester(few), ReplySuggester(many)
    learning = _fastest(lambda: ReplySuggester(many))
    suggesting = _fastest(lambda: large.suggest(ASKED[0][0]))
    assert suggesting < learning / 20
    assert suggesting < 5 * _fastest(lambda: small.suggest(ASKED[0][0])), "ten times the answers"
    assert _fastest(lambda: ReplySuggester(many, before=large)) < learning / 1.5
