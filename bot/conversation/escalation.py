"""When a person is needed: pure rules over what is known of a message and of those before it.

Each rule that holds gives a `Reason` in words, with the words of the message (or the figures of the record) that say so. The cues
are looked for in the text itself, so that the policy also holds where a model errs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.conversation.outcome import Priority, Reason, Sentiment


@dataclass(frozen=True, slots=True)
class Situation:
    """What the policy decides on.

    `sentiment_score` and `earlier_scores` are −1…1 (P(positive) − P(negative)), the latter of the customer's earlier messages, oldest
    first. `failures` counts the messages in a row that were not understood, this one included.
    """

    text: str
    intent: str
    intent_confidence: float
    sentiment: Sentiment
    sentiment_score: float
    earlier_scores: tuple[float, ...] = ()
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds. Scores are −1…1, confidences 0…1."""

    request_confidence: float = 0.5
    anger_score: float = -0.75
    """At most this score, together with words of anger, counts as anger."""
    grumble_score: float = -0.2
    """Below this a message counts as a grumble in a trend."""
    unhappy_score: float = -0.5
    """At most this, on average over a trend's grumbles, is bad enough without getting worse: a single score is not that exact."""
    trend_length: int = 3
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a person is needed now, why (most urgent first), and how urgent it is."""

    escalate: bool
    reasons: tuple[Reason, ...]
    priority: Priority


_URGENCY: dict[str, Priority] = {
    "safety": "urgent", "fraud": "urgent", "threat": "high", "anger": "high", "promise": "high", "trend": "normal", "request": "normal", "failure": "normal",
}  # fmt: skip
_PRIORITIES: list[Priority] = ["urgent", "high", "normal", "low"]
_WORDS = {
    "request": ("顾客要求人工服务", "the customer asks for a person"),
    "threat": (
        "顾客表示要投诉、曝光、差评或采取法律手段",
        "the customer threatens to complain publicly, leave for good, or take legal steps",
    ),
    "fraud": ("顾客反映诈骗、盗号或信息泄露", "the customer reports fraud, a stolen account or a data leak"),
    "safety": ("顾客反映人身伤害或安全隐患", "the customer reports an injury or a safety hazard"),
    "anger": ("顾客非常不满", "the customer is very angry"),
    "promise": ("多次联系或承诺未兑现", "several contacts, or a promise, without result"),
    "trend": ("顾客连续不满，情绪没有好转", "the customer is unhappy message after message, and it gets no better"),
    "failure": ("助手连续没有听懂", "the assistant failed to understand several times in a row"),
}


def _cues(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_CUES = {
    "request": _cues(
        r"转(?:接)?(?:一?下)?(?:个)?人工", r"(?:找|要|叫|接|换|来|给我|我要|有没有|能不能)(?:个|一个|你们|一下)?的?(?:人工(?!智能|费)|真人|活人|大活人)",
        r"人工(?:客服|服务|坐席)", r"(?:叫|让|找|喊)(?:个|你们|一下|你)?的?(?:经理|主管|领导|老板|负责人|店长|客服)(?!.{0,2}(?:说|答应|承诺))",
        r"真人客服", r"^人工[!！。.?？]*$",
        r"\b(?:speak|talk|chat|connect me|put me through|transfer me)\b.{0,20}\b(?:human|person|agent|representative|someone|staff|manager|supervisor)\b",
        r"\b(?:real|live|actual)\s+(?:human|person|agent)\b", r"\bhuman (?:agent|please|being|support)\b", r"\bcustomer service rep",
    ),
    "threat": _cues(
        r"123(?:15|45)", r"消协|消费者协会|工商局|市场监管|监管局|黑猫投诉", r"(?:投诉|举报|告)(?:你们|到|给|定|死)", r"曝光|媒体|记者|电视台|315",
        r"(?:发|挂|上|传)(?:到)?.{0,4}(?:抖音|小红书|微博|朋友圈|网上|知乎|b站)", r"(?:我(?:要|就|会|去|就要|马上)?|马上|直接|准备|那就|只能)报警(?!器)|警察|派出所|公安",
        r"律师(?!证)|律师函|法院|起诉|打官司|法律(?:途径|手段|程序)", r"(?:给|打|写|就|要|来|等着|必须|直接|一个|全|个)(?:你们|个|上)?.{0,3}差评", r"差评(?:伺候|见|警告)|一星",
        r"再也不(?:会)?(?:来|买|在|用|光顾|信)|最后一次(?:在|买)|永远不|拉黑|劝退所有|让(?:所有|大家|身边).{0,6}(?:别|不要)",
        r"\b(?:sue|lawyer|attorney|legal action|police|chargeback|small claims|consumer (?:protection|rights|association)|better business)\b",
        r"\bnever (?:buy|shop|order|purchas|com|us)\w* .{0,20}again\b", r"\b(?:one|1)[- ]star\b|\bbad review\b|\bnegative review\b|\breport (?:you|this shop|this store)\b|\bexpose\b",
    ),
    "fraud": _cues(
        r"诈骗|被骗(?:了|走)?|骗(?:走|了我)|骗子(?:冒充|打电话|说)|刷单.{0,6}骗|冒充(?:你们|客服|官方)", r"盗(?:刷|号|用|取|了)|被盗|被黑了|(?:账|帐)号.{0,8}(?:不是我|别人)(?:登|在用|改)",
        r"(?:不是|没有?)(?:我|本人)(?:下|买|操作|点|登录|消费|付)", r"(?:信息|资料|隐私|电话|地址).{0,6}(?:泄露|泄漏|卖了|被卖|外泄)", r"异地登(?:录|陆)",
        r"\b(?:scam|scammed|scammer|fraud|fraudulent|phishing|hacked|stolen account|identity theft|data leak|leaked)\b",
        r"\b(?:account|card)\b.{0,20}\b(?:stolen|hacked|compromised)\b", r"\b(?:did ?n.?t|never|not) (?:make|place|authori[sz]e)\w* (?:this|that|these|those|the|any)? ?(?:order|purchase|payment|charge)",
    ),
    "safety": _cues(
        r"冒(?:烟|火|黑烟|白烟|火花)|起火|着火|烧起来|失火|自燃|火灾", r"漏电|触电|电(?:到|了)(?:我|人|孩子|老人|手|一下)|被电|麻手", r"爆炸|炸(?:了|裂|开)(?!锅)|鼓包",
        r"烫伤|烧伤|割(?:伤|破|到|了)|划(?:伤|破)(?:手|孩子|我|了手|脚|脸)|砸(?:伤|到)|受伤|流血|出血|缝针|骨折|住院|送(?:去)?医院|急诊|中毒|过敏|呼吸困难|漏气|煤气",
        r"\b(?:smok(?:e|ing)|caught fire|on fire|in flames|sparks?|electric shock|shocked me|electrocut\w+|explod\w+|explosion|burn(?:ed|t) (?:my|me|his|her)|injur\w+|bleeding|hospital|poison\w*|allergic)\b",
    ),
    "anger": _cues(
        r"气死|忍无可忍|忍不了|受够|受不了(?:你们|了)|太过分|欺人太甚|岂有此理|无耻|不要脸|恶心|垃圾|骗子|黑店|黑心|坑人|坑爹|骗人|骗钱|流氓|混蛋|王八|去死|滚(?!筒|轮|珠|动|刷)",
        r"tmd|特么|他妈|妈的|nmd|sb|傻[逼b叉]|有病|脑子|狗屁|放屁|扯淡|糊弄|忽悠|耍(?:我|人)|当(?:我|顾客|消费者).{0,4}(?:傻|猴)|什么(?:破|狗屁|垃圾|玩意)|破店|火大|愤怒|怒了|没完|讨个说法|给(?:我)?(?:个|一个)说法",
        r"(?:太|真|简直|极其|非常)(?:差劲|差了|恶劣|离谱|气人|可恶|坑|垃圾|欺负人)|简直了|史上最差|最差|差到极点|离了?大谱",
        r"[!！]{3,}|[?？!！]{4,}", r"\b(?:furious|outrage\w*|ridiculous|disgust\w*|unacceptable|pathetic|bullshit|wtf|damn|scum|liars?|thieves|worst|fed up|sick of|had enough|appalling|disgrace\w*|idiots?|trash|garbage|rip.?off|useless)\b",
    ),
    "promise": _cues(
        r"第[二三四五六七八九十两几n\d]+(?:次|遍|回).{0,10}(?:问|找|联系|催|反馈|来|打|说|投诉|申请|跟你)", r"(?:问|催|找|联系|反馈|打|说|报|申请|投诉|跟你们说)(?:了|过)(?:你们)?(?:好几|好多|无数|多少|不下|至少|[两二三四五六七八九十\d]+)\s?(?:几)?(?:次|遍|回|个电话)",
        r"(?:好几|好多|无数|多|[三四五六七八九十两\d]+)(?:次|遍)(?:了)?.{0,8}(?:没人|没有?(?:结果|回复|解决|处理|下文|回音)|还是没|不(?:解决|处理|回))", r"(?:每次|次次|一直|老是|总是)(?:都)?(?:说|让我等|叫我等|答应|推脱|推来推去)",
        r"(?:说好|答应|承诺|保证|说(?:过|了)|客服说|你们说|跟我说|告诉我).{0,18}(?:还是没|也没|都没|又没|至今|到现在|结果(?:没|呢|又|还|到|也)|不认账|反悔|不算数|没兑现|没人|没有?(?:回|处理|到账|退|发|联系|打|动静))",
        r"(?:一拖再拖|拖了(?:又拖|好几|\d+|[两三四五六七八九十]|这么)|推来推去|踢皮球|没完没了地?等|不兑现|说话不算|言而无信)",
        r"\b(?:third|fourth|fifth|3rd|4th|5th|second|2nd|umpteenth|\d+th) time\b", r"\b(?:asked|called|contacted|emailed|messaged|told|written to|chased) (?:you |u |them |support |already )?.{0,12}\b(?:twice|two|three|four|five|several|many|multiple|\d+)\b",
        r"\b(?:promised|assured|was told|were told|you said|they said)\b.{0,60}\b(?:still|nothing|never|but|no one|nobody|yet|not)\b", r"\bkeep(?:s)? (?:telling|saying|promising|asking me to wait)\b",
    ),
}  # fmt: skip

_NEGATED_REQUEST = _cues(
    r"(?:不|别|没|无需|不用|不要|不必|先别|暂时不)(?:想|需要|必|用|要)?(?:给我)?(?:再)?(?:转|找|要|接|叫)?(?:个)?(?:人工|真人)",
    r"no need (?:for|to).{0,15}(?:human|agent|person)",
)
_HARMLESS = _cues(
    r"(?:烟雾|报警|防盗|燃气)报?警器",
    r"空气炸锅",
    r"人工智能|人工费",
    r"防(?:诈骗|盗)(?:门|锁|提醒|提示)?",
    r"防漏电|漏电保护",
    r"油烟",
    r"防过敏|抗过敏",
    r"电视台(?:灯|柜)",
    r"会不会(?:漏电|爆炸|过敏|着火)",
)


def decide(situation: Situation, policy: Policy = Policy()) -> Decision:
    """Whether this message, seen with those before it, warrants a person now.

    >>> decide(Situation("转人工", "request_human", 0.98, "neutral", 0.0)).reasons[0].code
    'request'
    >>> decide(Situation("耳机左边没声音", "product_fault", 0.9, "neutral", -0.3)).escalate
    False
    """
    rules = (_dangers, _request, _promise, _anger, _trend, _failure)
    found = [reason for rule in rules for reason in rule(situation, policy)]
    found.sort(key=lambda reason: _PRIORITIES.index(_URGENCY[reason.code]))
    return Decision(bool(found), tuple(found), most_urgent(found))


def most_urgent(reasons: Sequence[Reason]) -> Priority:
    """The priority that goes with the gravest of the reasons; `normal` without any."""
    return min((_URGENCY[reason.code] for reason in reasons), key=_PRIORITIES.index, default="normal")


def _reason(code: str, *evidence: str) -> Reason:
    zh, en = _WORDS[code]
    return Reason(code, zh, en, evidence)  # type: ignore[arg-type]


def _quotes(code: str, text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match.group().strip() for match in _CUES[code].finditer(_HARMLESS.sub(" ", text)) if match.group().strip()))


def _dangers(situation: Situation, policy: Policy) -> Iterator[Reason]:
    for code in ("safety", "fraud", "threat"):
        if quotes := _quotes(code, situation.text):
            yield _reason(code, *quotes)


def _request(situation: Situation, policy: Policy) -> Iterator[Reason]:
    if _NEGATED_REQUEST.search(situation.text):
        return
    quotes = _quotes("request", situation.text)
    understood = situation.intent == "request_human" and situation.intent_confidence >= policy.request_confidence
    if quotes or understood:
        yield _reason("request", *quotes)


def _promise(situation: Situation, policy: Policy) -> Iterator[Reason]:
    if quotes := _quotes("promise", situation.text):
        yield _reason("promise", *quotes)


def _anger(situation: Situation, policy: Policy) -> Iterator[Reason]:
    quotes = _quotes("anger", situation.text)
    if quotes and situation.sentiment == "negative" and situation.sentiment_score <= policy.anger_score:
        yield _reason("anger", *quotes)


def _trend(situation: Situation, policy: Policy) -> Iterator[Reason]:
    scores = (*situation.earlier_scores, situation.sentiment_score)[-policy.trend_length :]
    if len(scores) < policy.trend_length or not all(score < policy.grumble_score for score in scores):
        return
    if scores[-1] <= scores[0] or sum(scores) / len(scores) <= policy.unhappy_score:
        yield _reason("trend", " → ".join(f"{score:+.2f}" for score in scores))


def _failure(situation: Situation, policy: Policy) -> Iterator[Reason]:
    if situation.failures >= policy.failures:
        yield _reason("failure", str(situation.failures))
