"""When a person is needed: pure rules over what is known of a message and of those before it.

Each rule that holds gives a `Reason` in words, with the words of the message (or the figures of the record) that say so. The cues
are looked for in the text itself, so that the policy also holds where a model errs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from bot.conversation.mood import GRUMBLE, TURNED, Mood
from bot.conversation.outcome import Priority, Reason, Sentiment


@dataclass(frozen=True, slots=True)
class Situation:
    """What the policy decides on.

    `sentiment_score` is −1…1 (P(positive) − P(negative)), and `mood` is what the customer's earlier messages have left. `failures` counts
    the messages in a row that were not understood, this one included. `need` is what a model that learned from examples gives as the
    probability that the message warrants a person, and `need_evidence` the words that say so.
    """

    text: str
    intent: str
    intent_confidence: float
    sentiment: Sentiment
    sentiment_score: float
    mood: Mood = Mood()
    failures: int = 0
    need: float = 0.0
    need_evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds. Scores are −1…1, confidences 0…1."""

    request_confidence: float = 0.5
    rage_score: float = 0.2
    """Words of rage count as anger unless the message scores above this."""
    anger_score: float = -0.75
    """At most this score, together with two words of scorn, counts as anger."""
    grumble_score: float = GRUMBLE
    """Below this a message counts as a grumble."""
    unhappy_score: float = -0.5
    """At most this level of mood is bad enough without getting worse, unless it gets better."""
    need: float = 0.4
    """From this probability on, the wording as a whole counts as a need."""
    trend_length: int = 3
    """So many grumbles since a person was called last make a trend."""
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a person is needed now, why (most urgent first), and how urgent it is."""

    escalate: bool
    reasons: tuple[Reason, ...]
    priority: Priority


_OUTSIDE_CONFIDENCE = 0.5
_ABOUT_THE_SERVICE = frozenset({"bot_challenge", "ask_capabilities", "greet"})
"""Intents that speak of people without wanting one."""

_URGENCY: dict[str, Priority] = {
    "safety": "urgent", "fraud": "urgent", "threat": "high", "anger": "high", "promise": "high", "wording": "normal", "trend": "normal", "request": "normal", "failure": "normal",
}  # fmt: skip
_PRIORITIES: tuple[Priority, ...] = get_args(Priority)
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
    "wording": ("从措辞看，顾客需要人来处理", "the wording calls for a person"),
    "trend": ("顾客连续不满，情绪没有好转", "the customer is unhappy message after message, and it gets no better"),
    "failure": ("助手连续没有听懂", "the assistant failed to understand several times in a row"),
}


def _cues(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_N = r"(?:[两三四五六七八九十几n]|\d{1,6}|好几|好多|无数|多少)"
_SHOP = r"(?:客服|你们|店家|卖家|商家|售后|师傅|工号|主管|经理|上次|上回)"
_PLEDGE = r"(?:会|给我|给你|帮|补|赔|退|寄|发|送|回电|回复|联系|处理|内|前|到账|保价|\d|周[一二三四五六日天]|星期|[今明后]天|当天|马上|尽快|上门|查|安排|登记|专员|加急|免费|不收)"
_BROKEN = (
    r"(?:还是?没|也没|都没|又没|没(?:人|见|回|收到|到账|处理|动静|下文|兑现|发|退|打|影)|至今|到现在|现在(?:又|说|却|都|还)|结果(?!很|不错|挺)|又(?:说|变|改|不)|不认|反悔|不算数|改口"
    r"|(?:[一二两三四五六七八九十几半]|\d{1,6})个?(?:多)?(?:天|周|星期|礼拜|月|小时)(?:都)?(?:多)?(?:了|过去))"
)

_CUES = {
    "request": _cues(
        r"(?:转|接|找|要|叫|换|喊|来|呼叫|联系|进入?)(?:接|一?下|到|成|给我|个|一个|一位|位|你们|的|进|真正)*(?:人工(?!智能|费|草坪|皮|审核|复核|安装|清|加|倒|校准)|真人|活人|大活人)",
        r"(?:给我|帮我|麻烦|请)(?:来|派|上)?(?:个|一个|一位)?(?:人工(?!智能|费)|真人|活人)", r"有没有(?:个)?(?:人工|真人|活人)|有(?:人工|真人|活人)(?:客服|服务)?(?:吗|么|没|在)",
        r"^\W*(?:人工|真人(?!(?:客服)?[?？]))(?:客服|服务|坐席)?(?:呢|在(?:不在|吗|么|哪.*)|快来|来|吧|谢谢)?\W*$",
        r"(?:叫|让|找|喊|换)(?:个|你们?|一下|他)?的?(?:经理|主管|领导|老板|负责人|店长)(?!.{0,2}(?:说|答应|承诺))", r"(?:转|我要|我想|帮我|给我|直接|赶紧)(?:找|叫|联系|接)?(?:个|一下|你们)?的?客服(?!电话|热线|说|的)",
        r"(?:安排|派|找|来)(?:个|一个|一位|位).{0,3}(?:专员|专人|客服)", r"把.{1,10}(?:给我)?叫(?:出来|过来|来)", r"(?:不想|不要|别|不跟|不和|拒绝)(?:再)?(?:让我|给我|拿|用)?(?:跟|和|对着|同)?(?:个)?(?:机器人|自动回复)",
        r"\b(?:speak|talk|chat|connect me|put me through|transfer me|get me|give me|i (?:want|need)|want)\b.{0,20}\b(?:human(?! error)|person|agent|representative|someone|staff|manager|supervisor)\b",
        r"\b(?:real|live|actual)\s+(?:human|person|agent)\b", r"\bhuman (?:agent|please|being|support)\b", r"\bcustomer service rep", r"^\W*(?:agent|human|operator|representative)\W*$",
    ),
    "threat": _cues(
        r"(?<!\d)123(?:15|45)(?!\d)", r"(?<![\d¥￥$])315(?!\d)", r"消协|消费者协会|工商(?!银行|户|大学|注册|信息|管理)|市场监管|监管局|黑猫(?:投诉)?",
        r"(?:投诉|举报)(?:你|他|她|到|给|定|死|这|商家|店)|(?:我|就|要|只能|必须|准备|马上|去|直接)(?:要|去|就|会)?(?:投诉|举报)(?!电话|渠道|入口|邮箱)|(?<![报转])告(?:你们|到(?!货)|定你|死你)",
        r"曝光(?:你|他|她|出|到|一下|平台|这)|(?:要|去|就|会|给你?们?|把.{1,8})曝光", r"(?<![多流新自全富])媒体(?!播放|文件|库|中心|服务)|(?:找|叫|联系)记者|(?:找|上|给|打|联系|叫|让).{0,4}电视台",
        r"(?:发|挂|传|放)(?:到|上|去)?.{0,3}(?:抖音|小红书|微博|朋友圈|网上|知乎|b站)", r"报警(?!器)|(?:叫|找|喊)警察|(?:去|找|上|到)(?:派出所|公安)(?:局)?(?:报|告|说|立|备|$|\W)",
        r"律师(?:函|信)|律师(?:会|在|已|说|联系|起诉|处理)|(?:找|请|联系|咨询|委托|让|我(?:的|们)?|是)(?:了|个)*律师(?!朋友|证|事务所|费|吗)|法院|(?<!不)起诉|打官司|法律(?:途径|手段|程序)", r"(?<!不)(?:给|打|写|甩|送|来|等着|必须|直接|准备|只能)(?:你们?|个|上|一个|大大的|出)*差评|差评(?:伺候|见|警告)|一颗?星(?!期|级|半|空|巴|光|际|点|座)",
        r"再也不(?:会|想)?(?:来|买|在(?:你|这)|用(?:你|这|了)|光顾|信|碰)(?!别)|最后一次(?:在|买|来)|永远不(?:会)?(?:再)?(?:来|买|用|光顾|信)|(?<!被)(?<!把我)拉黑(?:你|这|店)|劝退所有|让(?:所有|大家|身边).{0,6}(?:别|不要)",
        r"(?:等着|小心)(?:收|接|看).{0,8}(?:电话|传票|函|新闻|热搜)|(?:网上|法庭|热搜)见",
        r"\b(?:sue|suing|lawyers?|attorney|legal action|police|chargebacks?|small claims|consumer (?:protection|rights|association)|better business|trading standards)\b",
        r"\bnever (?:buy|shop|order|purchas|com|us)\w* .{0,25}again\b|\blast time i\b.{0,10}\b(?:buy|shop|order)", r"\b(?:one|1)[- ]star\b|\b(?:bad|negative|terrible) review\b|\breport(?:ing)? (?:you|this shop|this store|this company)\b|\bexpos(?:e|ing) you\b|\bdispute (?:it|this|the charge)\b",
    ),
    "fraud": _cues(
        r"诈骗|被骗(?:了|走)?|骗(?:走|了我)|冒充|假冒客服|(?:自称|说是|说他是|装成)(?:是)?(?:你们|官方|平台|京东|淘宝)?(?:的)?(?:客服|售后|工作人员).{0,20}(?:共享|转账|验证码|银行卡|密码|退款|理赔|打款|链接|下载|加微信|加qq)", r"骗子.{0,12}(?:订单|电话|客服|信息|转|理赔|链接)",
        r"盗(?:刷|号|用|取|了|走)|被盗|被黑了|(?:账|帐)号.{0,8}(?:不是我|别人)(?:登|在用|改)(?!.{0,3}(?:就|时|提醒))|(?:密码|手机号|绑定).{0,6}被(?:人|别人)?改",
        r"(?:不是|并非)(?:我)?(?:本人|自己)?(?:下的?单|下的(?!单)|操作|登录|登陆|消费|付的|刷的)|(?:下单|登录|登陆|消费|付款|操作|扣款)[^,，。]{0,12}(?:不是我|非本人)(?:[!！,，。]|$|干|弄|做|下|操作)|单\W{1,3}不是我(?:下|\W|$)|我(?:根本|从来|压根|完全)就?没(?:有)?(?:下过?|买过?)(?:这|任何|什么)?.{0,3}(?:单|东西)",
        r"在[^,，。]{1,8}(?:登录|登陆|下单|下了单|消费|刷卡).{0,8}我(?:人)?(?:明明|一直)?(?:都)?在(?!意|乎|想)|(?:登录|登陆)(?:地|记录).{0,14}我(?:人)?(?:明明|一直)?(?:都)?在",
        r"(?:信息|资料|隐私|电话|地址).{0,6}(?:泄露|泄漏|卖了|被卖|外泄)", r"异地登(?:录|陆)|陌生(?:设备|地点|ip).{0,6}登",
        r"\b(?:scam|scams|scammed|scammers?|fraud|fraudulent|phishing|hacked|hijacked|stolen account|identity theft|data leak|leaked my)\b", r"\b(?:account|card)\b.{0,20}\b(?:stolen|hacked|compromised|taken over)\b",
        r"\b(?:did ?n.?t|never|not) (?:make|place|authori[sz]e)\w* (?:this|that|these|those|the|any)? ?(?:order|purchase|payment|charge)", r"\b(?:it|that|this) (?:was(?: ?n.?t| not)|is(?: ?n.?t| not)) me\b|\bsomeone (?:else )?(?:is |has |was )?(?:used|using|logged|ordered|accessed|got into)\b",
    ),
    "safety": _cues(
        r"冒(?:出)?(?:了)?(?:烟|火(?!三丈)|黑烟|白烟|青烟|浓烟|火花|火星)", r"(?<![不没])起火|(?<![不没点难])着火|(?<!水)烧起来(?!很|特别|挺|比|真|太|要|得)|失火|自燃|火灾|烧焦|烧着", r"漏电|触电|被电|麻手|(?<![没充停来断有通家小大])电(?:到|了|着|得)(?:我|人|孩子|老人|手|一下)",
        r"爆炸|(?:自己|突然|直接|当场|电池|玻璃|内胆|充电(?:宝|器)|手机|灯|插头|机器|锅|砰).{0,4}(?:炸(?:了(?![个一两几点鸡薯锅半\d])|裂|开)|爆(?:了|裂|开))|(?:电池|充电宝|手机|机身)?鼓包",
        r"(?:烫|烧|割|砸|夹|灼|电|炸|扎)伤|划(?:伤|破|到)了?(?:手|孩子|我|脚|脸|娃)|(?:割|砸|夹|扎)(?:到|了|破)(?:我|孩子|手|脚|宝宝|老人|娃)|(?:手(?![机表环柄册工把动套感持续])|脚|脸|胳膊|腿|孩子|宝宝|娃|老人|我妈|我爸).{0,10}(?:划|割|刮|夹|烫|砸|扎)(?:伤|破|到|出|了(?:一|个|好|起))|烫(?:了|出|得|到|着).{0,6}(?:手|泡|孩子|脚|我|娃)",
        r"(?<!很)(?<!太)受伤|流血|出血|缝(?:了)?(?:\S{1,2})?针|骨折|(?:害|弄|搞|导致|因为|结果|用了|吃了|喝了).{0,10}住院|(?:人|孩子|老人|妈|爸|我|娃).{0,6}(?:送|进|去)(?:去|进|到|了)*(?:医院|急诊|急救)|中毒|呼吸困难|一氧化碳", r"过敏|起(?:了)?(?:一身|满脸|一脸|好多)?(?:疹|红疹)",
        r"(?:煤气|燃气|天然气).{0,6}(?:漏|泄|味)|漏(?:煤气|燃气|天然气)",
        r"\b(?:smoke|smoking)\b|\b(?:caught fire|on fire|in flames|sparks?|sparking|electric(?:al)? shock|shocked (?:me|my)|electrocut\w+|explod\w+|explosion|injur\w+|bleeding|poison\w*|allergic reaction|gas leak|carbon monoxide)\b",
        r"\b(?:burn(?:ed|t|s|ing)?|cut|scald\w*|hurt|sliced)\b.{0,6}\b(?:my|his|her|our)\b.{0,10}\b(?:hands?|fingers?|arms?|face|legs?|foot|feet|skin|mouth|son|daughter|kid|child|baby|wife|husband|mother|mom|father|dad)\b", r"\b(?:went|ended up|rushed|taken|sent|admitted|trip)\b.{0,15}\b(?:hospital|emergency)\b",
    ),
    "rage": _cues(
        r"气死|气炸|忍无可忍|忍不了|受够|受不了(?:你们|了)|太过分|欺人太甚|欺负人|岂有此理|无耻|不要脸|黑店|黑心|流氓|混蛋|王八|去死|滚(?:蛋|开|[!！]|$)|给我滚", r"tmd|(?<!\w)nmd|特么|他妈(?!妈)|(?:^|[,，。!！\s])妈的|(?<![a-z])sb(?![a-z])|傻[逼b叉]|(?:你们?|是不是)有病|脑子(?:有|进|被)|狗屁|放屁|扯淡",
        r"耍(?:我|人)|(?:把|拿)我们?当.{0,4}(?:傻|猴|空气)|当(?:我|我们|顾客|消费者).{0,4}(?:傻|猴)|什么(?:狗屁|狗屎|垃圾|玩意|素质|态度|东西[!！]|破(?:烂|店|公司|东西|服务|售后|平台|货))|破店|火大|火冒三丈|愤怒|怒了|跟你们没完|没完了|讨个说法|(?:必须|一定要|今天)给.{0,3}说法|(?:把|当)?我.{0,6}(?:晾在|晾了|晾那|给我挂)",
        r"史上最差|差到极点|你们(?:就)?是(?:一群|帮)?骗子|一群骗子|骗子(?:公司|商家|店|平台)", r"\b(?:furious|outrage\w*|unacceptable|pathetic|bullshit|wtf|scum|liars?|thieves|fed up|sick of|had enough|disgrace\w*|idiots?|livid|how dare|what the (?:hell|fuck)|fuck\w*|screw you)\b",
    ),
    "scorn": _cues(
        r"恶心|垃圾|骗子|坑人|坑爹|骗人|骗钱|糊弄|忽悠|什么破|给(?:我)?(?:个|一个)说法|简直了|最差|离了?大谱|(?:太|真|简直|极其|非常)(?:差劲|差了|恶劣|离谱|气人|可恶|坑)", r"[!！]{3,}|[?？!！]{4,}",
        r"\b(?:ridiculous|disgust\w*|damn|worst|appalling|trash|garbage|rip.?off|useless|terrible|awful|horrible)\b",
    ),
    "promise": _cues(
        r"第(?:[三四五六七八九十几n]|[3-9]|\d\d)+(?:次|遍|回).{0,10}(?:问|找|联系|催|反馈|打(?:电话|来|给)|说(?!明)|投诉|申请|跟你)", rf"(?:问|催|联系|反馈|反映|投诉|申请|报修|跟你们说|(?:找|打|发)(?=[了过]?(?:你|客|人|售|卖|电|客服)))(?:都)?(?:了|过)?(?:你们|客服|人工|售后|卖家|电话|他们)?(?:了|过)?(?:不下|至少|都)?{_N}几?(?:次|遍|回|个电话|趟)", rf"打了?{_N}几?个?(?:次|遍|通)?电话",
        rf"{_N}几?(?:次|遍|回|趟)(?:的)?(?:电话|工单|投诉|客服|反馈).{{0,10}}(?:没|不|无)", rf"(?:修|换|退|返修|寄修)(?:了|过){_N}几?(?:次|遍|回).{{0,8}}(?:还|又|都|没|不)",
        r"(?:每次|次次)(?:都)?(?:说|讲|让我等|叫我等|答应|推)|(?:你们?|客服|售后|他们)(?:一直|老是|总是|天天)(?:都)?(?:说|讲|推|拖|让|叫)|(?:一直|老是|总是|天天)(?:让|叫)我(?:再)?等|(?:一直|天天|老是|总是)(?:说|讲)(?:马上|明天|快了|在处理|处理中|会|尽快|核实)",
        rf"{_SHOP}.{{0,12}}(?:说|讲|告诉我)(?!没|不|我|已|早|了).{{0,8}}{_PLEDGE}.{{0,14}}{_BROKEN}", rf"(?:答应|承诺|保证)(?:我|给我|了我|过)?.{{0,18}}{_BROKEN}", rf"说好(?:的)?(?:要)?(?:给我|帮我|补|赔|退我|退给我|回电?|回我|打电话|联系我|上门|[昨今明]天|周[一二三四五六日天]|[上下]午).{{0,14}}{_BROKEN}", r"一拖再拖|拖了又拖|推来推去|踢皮球|不兑现|说话不算|言而无信|放(?:我)?鸽子",
        r"\b(?:third|fourth|fifth|3rd|4th|5th|6th|umpteenth|\d\dth) time\b.{0,20}\b(?:ask|call|contact|writ|email|messag|chas|tell|i.?m|i.?ve|i )", r"\b(?:asked|called|contacted|emailed|messaged|told|written to|wrote|chased|rang|phoned) (?:you |u |them |support |already |customer service ){0,2}.{0,12}\b(?:twice|thrice|(?:two|three|four|five|six|several|many|multiple|\d{1,6}) (?:times|agents?|people|emails?|calls?))\b",
        r"\b(?:promised|assured|(?:was|were) told|you said|they said|agent said|rep said|support said|guaranteed me)\b.{0,60}\b(?:still|nothing|never|but|no one|nobody|yet|not)\b", r"\b(?:you|they|agents?|support|he|she|reps?|everyone|staff)(?: all| guys)? keeps? (?:telling|saying|promising|asking me to wait|fobbing)\b",
    ),
}  # fmt: skip

_QUESTION = r"(?:吗|么|嘛|吧|呢|啊|[?？])"

# What only looks like a cue; taken out of a message before its cues are looked for.
_HARMLESS = {
    "request": _cues(
        r"(?:^|[,，。!！?？\s]|你|您|这|面|边|们)是(?:不是)?(?:个)?(?:人工|真人|活人)(?:客服)?|人工(?:客服|服务|坐席)?(?:的)?(?:热线|电话|号码|几点|什么时候|上班|下班|工作时间|服务时间|在线时间)|(?:刚才|昨天|之前|上次|那个|这个)(?:的)?(?:找|转|联系)?(?:了|过)?(?:那个|的)?(?:人工|客服)(?:客服)?",
        r"(?:找|叫|联系)(?:过|到过)(?:个|你们的?)?(?:人工|经理|主管|客服)|人工(?:智能|费)", r"\b(?:am i (?:talking|speaking|chatting)|are (?:you|u)|r u|is (?:this|it)|you.?re not|is there an? (?:real|actual|live) \w+ behind)\b.{0,20}\b(?:human being|human|person|agent)\b|\b(?:human|person) or (?:an? )?(?:ai|bot|robot|machine)\b|\bchat agent\b",
    ),
    "threat": _cues(
        r"(?:烟雾|防盗|燃气|煤气|门窗|红外|漏水|车|火灾|感应)?报警器|低电(?:量)?报警|(?:机器|设备|一直|蜂鸣|自动|故障|传感器)报警", r"315\s?(?:元|块|活动|大促|特价|优惠|w|瓦|ml|毫升)", r"曝光(?:补偿|时间|度|过度|不足|量)|(?:过度|双重|长)曝光|自动曝光", r"(?:多|流|新)媒体",
        r"(?:送|寄|放|改|住|地址|收货|配送|小区|上班)[^,，。!！?？]{0,16}(?:派出所|法院|监管局|工商局|电视台|公安局|消协)|(?:派出所|法院|监管局|工商局|电视台|公安局)(?:对面|旁边|门口|隔壁|宿舍|家属院|附近|后面|的发票)",
        r"(?:威胁|有人|别人|人家|买家|网友|他们|看到|评论区?|评论里).{0,6}差评|(?:不(?:想|会|打算)|没(?:想|打算|有)|不是(?:要|想)|先别|不至于)(?:去|给|打|要)?(?:你们?|他)?(?:投诉|举报|差评|报警|起诉)", r"(?:发|转)(?:到)?(?:个)?(?:朋友圈|小红书|抖音|微博).{0,8}(?:集赞|返|红包|送|优惠|活动|奖|积分|券|分享)",
        r"再也不(?:会|想)?(?:买|用|来|信)别|\b(?:don.?t|not|no) (?:want to|need to|going to)? ?(?:sue|report)\b",
    ),
    "fraud": _cues(r"(?:QQ|微信|微博|游戏|steam)(?:账|帐)?号?被(?:盗|黑)", r"(?:防|反)(?:诈骗?|盗)(?:门|锁|提醒|提示|app|中心|宣传)?", rf"(?:是不是|会不会是?|怎么知道).{{0,8}}(?:信息|资料|电话|隐私).{{0,6}}(?:泄露|泄漏|卖了|外泄).{{0,30}}|骗子.{{0,3}}{_QUESTION}"),
    "safety": _cues(
        r"空气炸锅|烟雾报?警器|(?:抽)?油烟(?:机)?|smoke (?:detector|alarm|test|point|free)|(?:no|non)[- ]?smoking", r"防(?:漏电|触电|爆炸?|过敏|烫伤?|夹伤?|电墙|火|烧焦|摔伤|割伤|干烧)|抗过敏|漏电保护|过热保护",
        r"(?:会不会|会|容易|有没有|是否|怕|担心|避免|防止|以防|万一|能不能)(?:导致|引起|发生|把)?[^,，。!！?？]{0,6}(?:漏电|触电|爆炸|过敏|着火|起火|自燃|烫伤|冒烟|受伤|中毒|烧焦|鼓包|割伤)(?!了)", r"对[^,，。!！]{1,8}过敏(?!了)|过敏(?:体质|的人|人群|原|性|能|可以|宝宝|患者)|(?:容易|皮肤|毛|花粉|螨|螨虫|海鲜|牛奶|乳糖|鼻)过敏|(?:牙龈|鼻子)(?:老|总|总是|经常|容易)出血",
        r"(?:新闻|网上|听说|老说|听人说)[^,，]{0,6}(?:爆炸|起火|着火|自燃|漏电)|(?:快递点|分拣中心|中转站?|服务区|仓库|站点|网点|驿站|车)[^,，]{0,6}(?:着火|失火|起火|火灾)|(?:起火|着火)(?:时|的时候|了?能用|能不能)",
        r"(?:好看|好吃|性价比|颜值|音质|优惠|折扣|信息|知识|氛围)[^,，。]{0,2}爆炸|爆炸(?:优惠|好|甜|声效|音效|糖|性|盐|螺|贴)|(?:心态|气|肺|心里)(?:都|要|快)?(?:爆炸|炸)了?|快气炸|心里.{0,3}(?:受伤|流血)|(?:钱包|荷包|大)出血", r"(?:送|寄|放|改|住|地址|收货|配送)[^,，。!！?？]{0,16}医院",
    ),
    "rage": _cues(r"空气炸锅|别气死|\bsick of (?:my|the) old\b"),
    "scorn": _cues(r"垃圾(?:桶|袋|处理|分类|盒|箱|筒|车|邮件|短信|站)|(?:厨余|倒|收|尘盒|吸)垃圾|(?:garbage|trash) (?:can|bag|bin|disposal)|not (?:bad|terrible|the worst)|damn (?:good|nice|great)"),
    "promise": _cues(
        r"(?:可以|能)[^,，。]{0,6}几(?:次|遍)", r"承诺(?:的)?(?:时间|时效|期|发货)", r"(?:页面|详情页?|官网|网站|物流|显示|预计|app|系统|广告|宣传|会员|活动|规则|短信|说明书|直播间?|写着|标着|标的|密码|机器|屏幕)(?:上|里|中)?[^,，。!！?？]{0,8}(?:说|讲|承诺|保证|答应|写|显示|预计)[^,，。!！?？]{0,12}",
        r"\b(?:website|site|page|tracking|app|listing|description|ad|estimate|screen)\b.{0,10}\b(?:said|says|promised|told)\b|\bwas told (?:by )?(?:a )?(?:friend|neighbor|neighbour|colleague)",
    ),
}  # fmt: skip

_DECLINED = _cues(
    r"(?<![要还能么再])(?:不|别|没|无需)(?:想|需要|必|用|要|劳烦)?(?:给我|帮我)?(?:再)?(?:转|找|要|接|叫)?(?:接|到)?(?:个)?(?:人工|真人)", r"先别转",
    r"\b(?:no need|don.?t need|not need|do not want|don.?t want)\b.{0,20}\b(?:human|agent|person|someone|representative)\b",
)  # fmt: skip
# Whether a text message, call or link is genuine, asked before any harm was done.
_GENUINE = _cues(
    rf"(?:是不是|是|会不会|怕|像|算)(?:你们|真|假|官方|诈骗|骗|钓鱼|冒充|遇到)[^,，。!！]{{0,14}}{_QUESTION}", r"真的假的|是真是假|真假|可信吗|靠谱吗|能信吗|能点吗|可以点吗",
    r"\b(?:is|was|are|could|might|looks?) (?:this|that|it|these|they|be|like)\b.{0,60}\b(?:scams?|genuine|real|legit\w*|phishing|fraud\w*|fake|from you|yours)\b",
)  # fmt: skip
_HARMED = _cues(
    r"转(?:账)?(?:了|过去)|打(?:款)?(?:了|过去)(?!电话)|付了|给了|输(?:入)?了|点(?:进去|开)?了|填了|报了验证码|被(?:骗|盗)(?:了|走|刷)|骗(?:走|了我)|盗刷|扣了|没了|吓死",
    r"\b(?:sent|paid|transferred|lost|gave|entered|clicked|charged|stolen|hacked)\b",
)
_ELSEWHERE = _cues(
    r"(?<![比像跟和])(?:中国)?(?:移动|联通|电信)(?:公司|营业厅|客服|乱|扣|宽带|套餐)|中国(?:移动|联通|电信|银行)|滴滴|美团|饿了么|12306|携程|(?<!客服)物业|房东|淘宝|天猫|拼多多|(?<!送)京东|抖音(?:商城|店)|支付宝(?!付|支付)|(?:招商|工商|建设|农业|交通|平安)银行",
    r"某(?:外卖)?平台|装修公司|(?:跟|和|与)你们(?:没关系|无关)|不是说你们|(?:隔壁|别|前一|上一|另一|另外一|人|其他)(?:家|的?店|的?平台|的?商家)(?:的|那|买|店|客服|真|太|简直)",
    r"\b(?:uber|amazon|ebay|walmart|comcast|verizon|vodafone|netflix|my (?:other |own )?(?:bank|landlord|phone company|isp))\b",
)


def decide(situation: Situation, policy: Policy = Policy()) -> Decision:
    """Whether this message, seen with those before it, warrants a person now.

    >>> decide(Situation("转人工", "request_human", 0.98, "neutral", 0.0)).reasons[0].code
    'request'
    >>> decide(Situation("耳机左边没声音", "product_fault", 0.9, "neutral", -0.3)).escalate
    False
    """
    rules = (_safety, _fraud, _threat, _request, _promise, _anger, _trend, _failure)
    found = [reason for rule in rules for reason in rule(situation, policy)] or list(_wording(situation, policy))
    found.sort(key=lambda reason: _PRIORITIES.index(_URGENCY[reason.code]))
    return Decision(bool(found), tuple(found), most_urgent(found))


def most_urgent(reasons: Sequence[Reason]) -> Priority:
    """The priority that goes with the gravest of the reasons; `normal` without any."""
    return min((_URGENCY[reason.code] for reason in reasons), key=_PRIORITIES.index, default="normal")


def _reason(code: str, *evidence: str) -> Reason:
    zh, en = _WORDS[code]
    return Reason(code, zh, en, evidence)  # type: ignore[arg-type]


def _quotes(cue: str, text: str) -> tuple[str, ...]:
    if cue in _HARMLESS:
        text = _HARMLESS[cue].sub(" ", text)
    found = (match.group().strip(" \t\n,，。") for match in _CUES[cue].finditer(text))
    return tuple(dict.fromkeys(quote for quote in found if quote))


def _elsewhere(situation: Situation) -> bool:
    """Whether the message is about another company."""
    outside = situation.intent == "out_of_scope" and situation.intent_confidence >= _OUTSIDE_CONFIDENCE
    return outside or _ELSEWHERE.search(situation.text) is not None


def _safety(situation: Situation, policy: Policy) -> Iterator[Reason]:
    if quotes := _quotes("safety", situation.text):
        yield _reason("safety", *quotes)


def _fraud(situation: Situation, policy: Policy) -> Iterator[Reason]:
    if _GENUINE.search(situation.text) and not _HARMED.search(situation.text):
        return
    if quotes := _quotes("fraud", situation.text):
        yield _reason("fraud", *quotes)


def _threat(situation: Situation, policy: Policy) -> Iterator[Reason]:
    quotes = _quotes("threat", situation.text)
    if quotes and not _elsewhere(situation):
        yield _reason("threat", *quotes)


def _request(situation: Situation, policy: Policy) -> Iterator[Reason]:
    if _DECLINED.search(situation.text):
        return
    quotes = _quotes("request", situation.text)
    understood = situation.intent == "request_human" and situation.intent_confidence >= policy.request_confidence
    if quotes or understood:
        yield _reason("request", *quotes)


def _promise(situation: Situation, policy: Policy) -> Iterator[Reason]:
    quotes = _quotes("promise", situation.text)
    if quotes and not _elsewhere(situation):
        yield _reason("promise", *quotes)


def _anger(situation: Situation, policy: Policy) -> Iterator[Reason]:
    """Words of rage at the shop; words of scorn only where two meet and the whole message sounds like it."""
    if situation.sentiment == "positive" or _elsewhere(situation):
        return
    rage, scorn = _quotes("rage", situation.text), _quotes("scorn", situation.text)
    scornful = len(scorn) >= 2 and situation.sentiment_score <= policy.anger_score
    if scornful or (rage and situation.sentiment_score <= policy.rage_score):
        yield _reason("anger", *rage, *scorn)


def _wording(situation: Situation, policy: Policy) -> Iterator[Reason]:
    """What examples teach and no rule names."""
    asks = situation.intent in _ABOUT_THE_SERVICE and situation.intent_confidence >= policy.request_confidence
    if situation.need >= policy.need and not asks and not _elsewhere(situation) and not _DECLINED.search(situation.text):
        yield _reason("wording", *situation.need_evidence)


def _trend(situation: Situation, policy: Policy) -> Iterator[Reason]:
    """Grumble upon grumble without getting better, or, whatever calm words lie between, a mood that is bad and stays so."""
    mood = situation.mood.after(situation.sentiment_score)
    grumbles = [score < policy.grumble_score for score in mood.recent]
    if not grumbles[-1] or sum(grumbles) < policy.trend_length:
        return
    last = mood.recent[-policy.trend_length :]
    sinking = all(grumbles[-policy.trend_length :]) and last[-1] <= last[0]
    if sinking or (mood.level <= policy.unhappy_score and mood.trend < TURNED):
        yield _reason("trend", " → ".join(f"{score:+.2f}" for score in (last if sinking else mood.recent)))


def _failure(situation: Situation, policy: Policy) -> Iterator[Reason]:
    if situation.failures >= policy.failures:
        yield _reason("failure", str(situation.failures))
