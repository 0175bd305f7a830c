"""When a person is needed: a table of messages, and the rules over what came before."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.escalation import Policy, Situation, decide, most_urgent
from bot.conversation.mood import Mood, course
from bot.conversation.outcome import Priority, Reason, Sentiment
from bot.learning.cards import load

ROOT = Path(__file__).parents[2]
CALM, SOUR, FURIOUS, PLEASED = 0.0, -0.5, -0.95, 0.8


def situation(text: str, score: float, intent: str = "complain_product", confidence: float = 0.9) -> Situation:
    sentiment: Sentiment = "negative" if score < -0.35 else "positive" if score > 0.35 else "neutral"
    return Situation(text, intent, confidence, sentiment, score)


def mood_of(*scores: float) -> Mood:
    return next(reversed(list(course(scores))), Mood())


def codes(*parts: Situation) -> list[list[str]]:
    return [[reason.code for reason in decide(part).reasons] for part in parts]


REQUESTS = [
    "转人工",
    "人工",
    "人工客服",
    "人工!!",
    "真人客服",
    "请帮我转接一下人工，谢谢",
    "有真人吗",
    "我要找个活人说话",
    "怎么还不转人工",
    "要不还是转人工吧",
    "再不转人工我就走了",
    "能不能给我个真人",
    "叫你们经理来",
    "让你们主管给我打电话",
    "把308号客服给我叫出来",
    "我不想再跟机器人聊了",
    "帮我转客服",
    "查一下发票，不行就转人工",
    "human please",
    "agent",
    "Can I speak to a real person?",
    "let me talk to your manager",
    "connect me with someone from support",
    "Is there a real person I can talk to",
    "麻烦来个人工，打字太慢了",
    "换个真人来行吗",
    "不要机器人，接人工",
]
THREATS = [
    "再不退我就打12315",
    "我要去消协",
    "12345见",
    "等着收律师函吧",
    "我们法院见",
    "我要投诉你们的安装师傅",
    "明天就去市场监管局举报",
    "今天不处理我就发抖音",
    "把聊天记录挂到小红书上让大家看看",
    "不解决就报警",
    "给你们一个差评",
    "等着差评吧",
    "直接一星伺候",
    "再也不来你们家买东西了",
    "我已经联系记者和电视台了",
    "我会曝光你们这家店",
    "黑猫投诉已经提交",
    "让身边的人都别来买",
    "I will sue you",
    "my lawyer will call you tomorrow",
    "I'm filing a chargeback with Visa",
    "never buying from this shop again",
    "expect a one-star review",
    "I am going to report this shop",
    "等着工商找你们喝茶",
]
FRAUDS = [
    "我的账号被盗了",
    "有人冒充你们客服骗我转了五千",
    "卡被盗刷了两千块",
    "账单里有一笔不是我本人消费",
    "昨晚的下单不是我操作的",
    "提示异地登录，不是我",
    "手机绑定被人改了，登不上去",
    "对方自称是你们客服，让我开屏幕共享",
    "我的电话和地址泄露了，天天接到骗子电话",
    "我根本没下过单，怎么扣钱",
    "半夜在广州登录了，我人在北京",
    "my account was hacked last night",
    "someone used my card here, it wasn't me",
    "I never placed this order",
    "Got scammed by a caller pretending to be your support",
    "是不是诈骗啊，我已经转了三千过去",
]
HAZARDS = [
    "充电宝冒烟了",
    "热水器漏电，把我电了一下",
    "电池鼓包了还能用吗",
    "烤箱门玻璃突然炸了",
    "插头那里起火了",
    "孩子的手被烫伤了",
    "水壶盖掉了烫了我一手泡",
    "我妈用了以后过敏，脸都肿了",
    "边角太锋利割到手流血了",
    "空气炸锅用着用着着火了",
    "家里煤气灶漏气，闻到煤气味",
    "插座一插就冒火花",
    "洗衣机外壳麻手",
    "the charger caught fire",
    "smoke is coming out of the heater",
    "it exploded on my desk",
    "the lid cut my finger",
    "I got an electric shock from the kettle",
    "my son burned his hand on your toaster and ended up in hospital",
    "吃了你们的零食食物中毒",
]
FURY = [
    "气死我了，你们到底管不管",
    "我真是受够了",
    "你们是不是有病",
    "一群骗子，退钱",
    "这是把我当猴耍呢",
    "tmd 发的什么玩意",
    "忍无可忍！！",
    "太过分了，欺负老实人",
    "客服什么态度",
    "卖的什么破烂",
    "黑店一个",
    "this is unacceptable, I'm furious",
    "are you idiots",
    "you people are thieves",
    "what the hell is wrong with you",
    "垃圾店，坑人坑到家了",
    "太恶劣了！！！退钱",
    "worst shop ever, total garbage",
    "妈的，又坏了",
    "别给我扯淡",
]
BROKEN_WORD = [
    "这是我第三次来问了",
    "我都催了五遍了还没发货",
    "问了两次都没人回",
    "打了四个电话没有结果",
    "联系过你们好几次，一直没处理",
    "客服答应周一退款，到现在没到账",
    "你们说昨天给我回电话，结果没人打",
    "上次承诺补发的零件，一个月了还没收到",
    "上回客服说会有专员联系我，到现在没动静",
    "师傅答应下午上门，又没来",
    "每次都说登记了",
    "你们一直推来推去",
    "修了三次还是坏的",
    "客服说可以保价三十天，现在又说不行",
    "客服一直让我等",
    "说好给我补偿五十，现在不认账",
    "I have asked you three times already",
    "this is the fourth time I'm contacting you",
    "You promised a replacement last week and still nothing",
    "they keep telling me to wait",
    "I called support twice and nobody helped",
]
CALM_TALK = [
    "我的快递到哪了",
    "耳机左边没声音",
    "想退货，怎么操作",
    "订单202611230045什么时候发货",
    "202612315888这单到哪了",
    "帮我查下退款进度",
    "发票能开专票吗",
    "空气炸锅5升的还有货吗",
    "空气炸锅能炸鸡翅吗，炸了一次有点焦",
    "烟雾报警器怎么装电池",
    "防盗报警器有线还是无线",
    "人工智能音箱能连蓝牙吗",
    "上门安装的人工费怎么算",
    "不用转人工，我自己看看",
    "不需要人工，谢谢",
    "先别转人工",
    "no need for a human agent",
    "你是人工客服吗",
    "您是真人吗",
    "are you a real person",
    "am I talking to a human or a bot?",
    "人工客服几点上班",
    "有没有人工热线电话",
    "人工客服电话是多少",
    "改绑需要人工审核吗",
    "刚才那个客服挺好的，谢谢",
    "这个会不会漏电",
    "插座防漏电吗",
    "有防烫伤设计吗",
    "锅盖会不会爆炸",
    "对牛奶过敏能喝吗",
    "面霜容易过敏吗",
    "猫毛过敏买哪款净化器",
    "抽油烟机怎么清洗",
    "no smoke detector in the box",
    "煤气灶打不着火",
    "充气床有点漏气",
    "手机没电了我充不进去",
    "家电到我这儿要几天",
    "性价比爆炸",
    "点火点不着，火起不来",
    "水烧起来很快",
    "拉杆箱划伤了，能换吗",
    "这条短信是你们发的吗",
    "收到中奖短信，是诈骗吗",
    "刚接到退款电话，是不是骗子？",
    "Is this text message genuine or a scam?",
    "有反诈提醒功能吗",
    "收到的不是我买的那款颜色",
    "地址改成派出所对面的小区",
    "送到市人民医院门卫就行",
    "发票抬头写某某律师事务所",
    "多媒体音箱多少钱",
    "相机的曝光补偿怎么调",
    "315元的那款还有吗",
    "315活动有优惠吗",
    "看到有人给差评说噪音大，真的吗",
    "发朋友圈集赞有优惠吗",
    "晚上网上下的单",
    "USB口插不进去",
    "我妈的手机号登不上",
    "他妈妈收货可以吗",
    "付款还没完成",
    "垃圾桶多大容量",
    "滚筒洗衣机怎么清洁",
    "我没下单，能领券吗",
    "第二次来买了，还有老客优惠吗",
    "重启了三次还是没声音",
    "洗了两次就没味道了",
    "密码一直说我错",
    "页面说48小时发货，现在还没发",
    "官网写的周三到，今天周四了还没到",
    "物流显示昨天到，现在没收到",
    "the website said Friday but it is still not here",
    "tracking says delivered yesterday but I have not got it",
    "the app keeps saying error 5",
    "I asked the seller about the colour",
    "会员说好每月一张券，这月还没见",
    "说好48小时发货，这都第四天了",
    "一星期了还没到",
    "再也不用弯腰拖地了，真好",
    "感谢客服，问题解决了",
]
GRUMBLES = [
    "有点慢啊",
    "这质量一般般",
    "等得有点着急了",
    "包装太差了吧",
    "有点坑人",
    "这不是骗人吗",
    "怎么又没货了，唉",
    "颜色跟图片差好多，失望",
    "The quality is terrible",
    "a bit disappointed to be honest",
    "太离谱了吧，五天了",
    "kind of useless to me",
    "买完就降价，亏了",
    "声音大得像拖拉机",
    "total garbage",
]
SARCASM = [
    "你们可真行，快递走了半个月",
    "呵呵，这速度我服了",
    "这做工，感动中国",
    "真是良心商家，少发两件还不收我钱呢",
    "Wow, three weeks for a cable. Impressive.",
    "恭喜你们，成功让我等了十天",
]
ELSEWHERE = [
    "中国移动乱扣我话费，气死我了",
    "美团的客服太过分了",
    "滴滴司机什么态度，我要投诉他",
    "被某外卖平台气炸了，跟你们没关系",
    "上一家店的东西太垃圾了，一群骗子",
    "Amazon is run by idiots",
    "my bank is a bunch of thieves, can I pay another way",
]

SPOKEN = {
    "request": (REQUESTS, CALM),
    "threat": (THREATS, SOUR),
    "fraud": (FRAUDS, SOUR),
    "safety": (HAZARDS, SOUR),
    "anger": (FURY, FURIOUS),
    "promise": (BROKEN_WORD, SOUR),
}
QUIET = {"calm": (CALM_TALK, CALM), "grumble": (GRUMBLES, FURIOUS), "sarcasm": (SARCASM, FURIOUS), "elsewhere": (ELSEWHERE, FURIOUS)}


@pytest.mark.parametrize(("code", "text", "score"), [(code, text, score) for code, (texts, score) in SPOKEN.items() for text in texts])
def test_a_person_is_called(code: str, text: str, score: float) -> None:
    decision = decide(situation(text, score))
    assert decision.escalate
    assert code in {reason.code for reason in decision.reasons}


@pytest.mark.parametrize(("text", "score"), [(text, score) for texts, score in QUIET.values() for text in texts])
def test_the_assistant_goes_on(text: str, score: float) -> None:
    decision = decide(situation(text, score))
    assert not decision.escalate, decision.reasons
    assert decision.reasons == ()
    assert decision.priority == "normal"


def test_a_request_is_understood_without_its_words() -> None:
    sure = situation("你帮不了我，换一个来", CALM, "request_human", 0.9)
    unsure = replace(sure, intent_confidence=0.3)
    assert codes(sure, unsure) == [["request"], []]
    assert codes(replace(sure, text="不用转人工了")) == [[]], "a refusal outweighs the intent"


def test_words_of_rage_need_an_unhappy_message() -> None:
    text = "我家那口子气死我了，多亏你们，谢谢"
    assert codes(situation(text, FURIOUS), situation(text, PLEASED)) == [["anger"], []]


def test_another_companys_trouble_is_known_by_the_intent_too() -> None:
    text = "气死我了，我要投诉他们"
    assert codes(situation(text, FURIOUS, "complain_service")) == [["threat", "anger"]]
    assert codes(situation(text, FURIOUS, "out_of_scope")) == [[]]
    assert codes(situation(text, FURIOUS, "out_of_scope", 0.2)) == [["threat", "anger"]]


@pytest.mark.parametrize(
    ("earlier", "now", "expected"),
    [
        ((-0.3, -0.5), -0.7, ["trend"]),
        ((0.5, -0.3, -0.5), -0.7, ["trend"]),
        ((-0.5, -0.4), -0.3, []),
        ((-0.9, -0.8), -0.7, ["trend"]),
        ((-0.3,), -0.7, []),
        ((-0.3, 0.1), -0.7, []),
        ((-0.3, -0.5), -0.1, []),
        ((), -0.9, []),
    ],
)
def test_three_grumbles_that_get_worse_or_stay_bitter_call_a_person(earlier: tuple[float, ...], now: float, expected: list[str]) -> None:
    grumble = replace(situation("唉，还是那样", now), mood=mood_of(*earlier))
    assert codes(grumble) == [expected]


@pytest.mark.parametrize(
    ("earlier", "now", "expected"),
    [
        ((-0.6, -0.7, 0.0, -0.7), -0.6, ["trend"]),
        ((-0.9, 0.0, -0.9), -0.9, ["trend"]),
        ((-0.6, -0.7, 0.0, -0.7), 0.0, []),
        ((-0.9, -0.9, 0.9), -0.9, []),
        ((0.0, -0.9, 0.0), -0.9, []),
        ((-0.9, -0.9, -0.9, -0.9, -0.9), -0.3, []),
    ],
)
def test_a_bad_mood_calls_a_person_also_when_an_order_number_lies_between(
    earlier: tuple[float, ...], now: float, expected: list[str]
) -> None:
    assert codes(replace(situation("唉，还是那样", now), mood=mood_of(*earlier))) == [expected]


GRUMBLED = st.floats(-1, -0.21)


@given(st.lists(st.floats(-1, 1), max_size=8), st.tuples(GRUMBLED, GRUMBLED, GRUMBLED))
def test_three_grumbles_each_worse_than_the_one_before_call_a_person_whatever_came_before(
    earlier: list[float], grumbles: tuple[float, ...]
) -> None:
    first, second, third = sorted(grumbles, reverse=True)
    assert codes(replace(situation("唉", third), mood=mood_of(*earlier, first, second))) == [["trend"]]


@given(st.lists(st.floats(-0.2, 1), min_size=1, max_size=12), st.lists(st.floats(-1, 1), max_size=2))
def test_a_calm_conversation_stays_with_the_assistant_also_when_it_ends_in_a_grumble_or_two(calm: list[float], others: list[float]) -> None:
    *before, last = [*calm, *others]
    assert codes(replace(situation("唉", last), mood=mood_of(*before))) == [[]]


@given(st.lists(st.floats(-1, 1), max_size=8), st.lists(st.floats(-1, 1), max_size=2))
def test_what_led_to_the_last_call_for_a_person_calls_nobody_again(before: list[float], since: list[float]) -> None:
    mood = mood_of(*before).settled()
    for score in since:
        assert codes(replace(situation("唉", score), mood=mood)) == [[]]
        mood = mood.after(score)


def test_the_trend_shows_its_figures() -> None:
    decision = decide(replace(situation("唉", -0.8), mood=mood_of(0.9, -0.25, -0.5)))
    assert decision.reasons[0].evidence == ("-0.25 → -0.50 → -0.80",)


@pytest.mark.parametrize(("failures", "expected"), [(0, []), (2, []), (3, ["failure"]), (7, ["failure"])])
def test_three_failures_in_a_row_call_a_person(failures: int, expected: list[str]) -> None:
    assert codes(replace(situation("嗯那个", CALM), failures=failures)) == [expected]


def test_thresholds_can_be_set() -> None:
    policy = Policy(failures=1, trend_length=2)
    assert decide(replace(situation("嗯那个", CALM), failures=1), policy).escalate
    assert decide(replace(situation("唉", -0.6), mood=mood_of(-0.4)), policy).escalate


@pytest.mark.parametrize(
    ("text", "score", "expected", "priority"),
    [
        ("转人工", CALM, ["request"], "normal"),
        ("转人工，我要投诉你们", SOUR, ["threat", "request"], "high"),
        ("气死我了，第三次来问了，转人工", FURIOUS, ["promise", "anger", "request"], "high"),
        ("账号被盗了，快转人工", SOUR, ["fraud", "request"], "urgent"),
        ("插座冒烟了，我要打12315，叫你们经理来", FURIOUS, ["safety", "threat", "request"], "urgent"),
        ("热水器漏电，而且我的卡被盗刷了", FURIOUS, ["safety", "fraud"], "urgent"),
    ],
)
def test_the_gravest_reason_comes_first(text: str, score: float, expected: list[str], priority: Priority) -> None:
    decision = decide(situation(text, score))
    assert [reason.code for reason in decision.reasons] == expected
    assert decision.priority == priority


def test_the_priority_of_no_reason_is_normal() -> None:
    assert most_urgent(()) == "normal"
    assert most_urgent([Reason("failure", "", ""), Reason("promise", "", ""), Reason("request", "", "")]) == "high"


@pytest.mark.parametrize("code", SPOKEN)
def test_reasons_speak_both_languages_and_quote_the_message(code: str) -> None:
    texts, score = SPOKEN[code]
    for text in texts:
        (reason,) = [reason for reason in decide(situation(text, score)).reasons if reason.code == code]
        assert any("一" <= character <= "鿿" for character in reason.zh)
        assert reason.en.isascii()
        assert reason.evidence
        # What only looks like a cue is cut out before looking, so that words of a quote stand in the message one after the other.
        assert all(part in text for quote in reason.evidence for part in quote.split(" "))


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300), st.floats(-1, 1), st.integers(0, 5))
def test_any_text_is_decided_and_always_in_the_same_way(text: str, score: float, failures: int) -> None:
    said = replace(situation(text, score), failures=failures)
    decision = decide(said)
    assert decision == decide(said)
    assert decision.escalate == bool(decision.reasons)
    assert ("failure" in {reason.code for reason in decision.reasons}) == (failures >= 3)


def test_the_longest_message_is_decided() -> None:
    for piece in ("啊", "客服说", "一直", "the agent said ", "!", "我在", "1"):
        decide(situation((piece * 4000)[:4000], SOUR))


def test_held_out_messages_of_strangers() -> None:
    """With the published sentiment model and the intents that people gave: few customers in need are missed, few others are sent on."""
    with (ROOT / "tests" / "data" / "strangers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    feelings = load(ROOT / "models", "sentiment").classify([row["text"] for row in rows])
    called = {True: 0, False: 0}
    for row, feeling in zip(rows, feelings, strict=True):
        score = feeling.scores["positive"] - feeling.scores["negative"]
        said = Situation(row["text"], row["intent"], 0.9, cast(Sentiment, feeling.label), score)
        called[row["escalate"] == "true"] += decide(said).escalate
    needed = sum(row["escalate"] == "true" for row in rows)
    assert called[True] / needed >= 0.85
    assert called[True] / sum(called.values()) >= 0.85
