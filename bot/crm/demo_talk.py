"""What is said in the sample conversations. `{number}`, `{goods}`, `{courier}`, `{scan}` and so on are filled in from an order."""

from dataclasses import dataclass

from bot.conversation.outcome import NewTicket
from bot.crm.records import OrderStatus, Result

HANDED_OFF = "非常抱歉给您带来这么不好的体验。我马上请人工客服接手，您说的内容会一并转过去，不用再讲一遍。"
HANDED_OFF_CALMLY = "好的，正在为您转接人工客服，您前面说的内容会一并转过去，不用重复。"
HANDED_OFF_DANGER = "安全第一：请先断电并停止使用，远离产品；如有人受伤，请立即就医或拨打 120。我已请人工客服优先接手。"


@dataclass(frozen=True, slots=True)
class Said:
    """A customer message and what was understood of it; `mood` is −1…1, `terms` are the words that named the queue."""

    text: str
    intent: str
    mood: float = 0.0
    terms: tuple[str, ...] = ()
    reply: str | None = None
    thumb: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answered."""

    text: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who took a conversation after `waited` minutes in the queue, and how it ended; without a result it went back to the assistant."""

    name: str
    waited: int
    result: Result | None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A sample conversation that began `hours` ago, about an order in the given status (of the product `sku`, if there is one).

    Where a person answers, `person` says who.
    """

    hours: float
    lines: tuple[Said | Answer, ...]
    order: OrderStatus | None = None
    sku: str | None = None
    ticket: NewTicket | None = None
    closed: bool = False
    rating: tuple[int, str] | None = None
    locale: str = "zh-CN"
    person: Person | None = None


_GREETED = Said("在吗", "greet", 0.05, ("在吗",), "在的，请问有什么可以帮您？")
_ASKED_NUMBER = "请告诉我订单号（12 位数字）和收货手机号的后四位。"
_THANKED = Said("好的，谢谢", "thank", 0.72, ("谢谢",), "不客气，有需要随时找我。")

WITHOUT_PEOPLE = (
    Talk(
        71,
        (
            _GREETED,
            Said("我买的东西到哪了", "track_order", 0.0, ("到哪",), _ASKED_NUMBER),
            Said("{number}，尾号{tail}", "inform", 0.0, (), "订单 {number}（{goods}）已由{courier}发出，最新物流：{scan}。", "up"),
            _THANKED,
        ),
        "shipped",
        closed=True,
        rating=(5, "回答很快，不用等人工"),
    ),
    Talk(
        66,
        (
            Said("帮我开张公司发票", "request_invoice", 0.0, ("发票", "公司"), _ASKED_NUMBER),
            Said("{number} {tail}", "inform", 0.0, (), "请告诉我发票抬头和税号。"),
            Said("抬头：满月烘焙有限公司", "inform", 0.0, ("抬头",), "已登记，电子发票会在 1 个工作日内发到您的邮箱。", "up"),
            Said("行，挺方便", "thank", 0.66, ("方便",), "不客气，有需要随时找我。"),
        ),
        "delivered",
        ticket=NewTicket("billing", "invoice", "订单 {number} 开企业发票", "顾客要求为订单 {number} 开企业发票，抬头：满月烘焙有限公司。"),
        closed=True,
        rating=(5, ""),
    ),
    Talk(
        52,
        (
            Said("这个不想要了，想退货", "request_return", -0.12, ("退货",), _ASKED_NUMBER),
            Said("{number}，{tail}", "inform", 0.0, (), "收到。请问退货的原因是什么？"),
            Said("买大了，厨房放不下", "inform", -0.18, ("买大了",), "已为您登记退货，请保留好包装，快递员会上门取件。"),
            Said("运费谁出？", "request_return", -0.05, ("运费",), "七天内无理由退货，运费由您承担；质量问题由我们承担。", "down"),
        ),
        "delivered",
        ticket=NewTicket("after_sales", "return", "订单 {number} 申请退货", "顾客申请退回{goods}，原因：买大了，厨房放不下。"),
        closed=True,
        rating=(3, "退货还要自己出运费"),
    ),
    Talk(
        47,
        (
            Said(
                "空气炸锅 5.5L 能放下整只鸡吗", "product_info", 0.02, ("能放下", "5.5L"), "可以，1.2 公斤左右的整鸡放得下，不用翻面。", "up"
            ),
            Said("现在有优惠吗", "promotion_coupon", 0.04, ("优惠",), "满 299 减 20 的券可以在商品页领取，当天有效。"),
            Said("好嘞我去下单", "affirm", 0.55, (), "好的，下单后我们 24 小时内发货。"),
        ),
        closed=True,
        rating=(5, "说得很清楚"),
    ),
    Talk(
        43,
        (
            Said("会员积分怎么不见了", "membership_points", -0.3, ("积分", "会员"), "积分满一年会过期，可以在会员中心查看明细。"),
            Said("哦，看到了，是过期了", "inform", -0.08, (), "下次到期前 30 天我们会提醒您。"),
        ),
        closed=True,
    ),
    Talk(
        39,
        (
            Said(
                "Hi, can I change the delivery time of my order?",
                "delivery_policy",
                0.0,
                ("delivery",),
                "You can pick a time slot on the order page.",
            ),
            Said("Great, found it. Thanks!", "thank", 0.8, ("thanks",), "You're welcome. I'm here whenever you need me."),
        ),
        "paid",
        closed=True,
        rating=(4, "ok in English too"),
        locale="en",
    ),
    Talk(
        30,
        (
            Said("洗地机怎么自清洁？", "usage_help", 0.0, ("怎么", "自清洁"), "放回底座后长按清洁键三秒，它会自己洗滚刷并烘干。"),
            Said("按了没反应啊", "product_fault", -0.42, ("没反应",), "请确认清水箱有水、插头已插好，再长按一次。", "down"),
            Said("可以了，是没加水😂", "thank", 0.35, (), "太好了，有问题随时找我。"),
        ),
        closed=True,
    ),
    Talk(
        26,
        (
            Said("订单 {number} 不要了，取消吧", "cancel_order", -0.1, ("取消", "不要了"), "请告诉我收货手机号的后四位。"),
            Said("{tail}", "inform", 0.0, (), "订单 {number}（{goods}）已取消，已付的款会原路退回，1–3 个工作日到账。"),
            _THANKED,
        ),
        "cancelled",
        closed=True,
    ),
    Talk(
        22,
        (
            Said("退款多久能到", "refund_status", -0.15, ("退款", "多久"), _ASKED_NUMBER),
            Said("{number} 尾号 {tail}", "inform", 0.0, (), "订单 {number}（{goods}）正在退款，审核通过后 1–3 个工作日原路到账。"),
            Said("都等了一个星期了", "refund_status", -0.62, ("等了",), "抱歉让您久等，我已为您登记催办。"),
        ),
        "refunding",
        ticket=NewTicket(
            "after_sales", "refund", "订单 {number} 催办退款", "顾客询问订单 {number} 的退款，金额 {paid}，称已等待一周。", "high"
        ),
    ),
    Talk(
        9,
        (
            Said(
                "付款一直失败怎么办", "payment_problem", -0.35, ("付款", "失败"), "请确认银行卡余额和当日限额，也可以换一种付款方式再试。"
            ),
            Said("换成支付宝好了", "inform", 0.15, ("支付宝",), "好的，付款成功后我们 24 小时内发货。"),
        ),
        "unpaid",
    ),
    Talk(
        4,
        (
            Said("收货地址写错了，能改吗", "change_address", -0.1, ("地址", "改"), _ASKED_NUMBER),
            Said("{number}，尾号{tail}", "inform", 0.0, (), "请把新的收货地址发给我。"),
        ),
        "paid",
    ),
    Talk(
        1.5,
        (
            Said(
                "三百块以内推荐一个台灯，孩子写作业用",
                "recommend_product",
                0.1,
                ("推荐", "台灯"),
                "护眼台灯全光谱款合适：书桌够亮不刺眼，现价 259 元。",
                "up",
            ),
            Said("有货吗", "stock_availability", 0.0, ("有货",), "有货，今天付款明天发出。"),
        ),
    ),
    Talk(
        2.2,
        (
            Said("快递三天没动了", "delivery_delay", -0.45, ("快递", "没动"), _ASKED_NUMBER),
            Said("{number} {tail}", "inform", -0.1, (), "订单 {number}（{goods}）最新物流：{scan}。"),
            Said("催了两次都没人管，再不送到我就打12315投诉你们", "complain_service", -0.91, ("投诉", "没人管"), HANDED_OFF),
            Said("人呢？", "request_human", -0.7, ("人呢",)),
        ),
        "shipped",
    ),
    Talk(
        0.9,
        (
            Said("电暖器插头冒烟了！", "product_fault", -0.83, ("冒烟", "插头"), HANDED_OFF_DANGER),
            Said("已经拔掉了，地板有点烧黑", "inform", -0.55, ("烧黑",)),
        ),
        "delivered",
        sku="EN-HT22",
    ),
    Talk(
        0.4,
        (
            Said("请问同一个订单被扣了两次款是怎么回事", "duplicate_charge", -0.4, ("扣了两次", "款"), _ASKED_NUMBER),
            Said("直接转人工吧，我把扣款截图发给客服", "request_human", -0.2, ("扣款",), HANDED_OFF_CALMLY),
        ),
        "paid",
    ),
    Talk(
        33,
        (
            Said("收到的箱子是破的，里面的玻璃裂了", "damaged_item", -0.58, ("破的", "裂了"), _ASKED_NUMBER),
            Said("你们发的什么垃圾包装，太过分了，叫经理来", "complain_product", -0.93, ("垃圾", "包装"), HANDED_OFF),
            Said("算了，我自己打热线", "deny", -0.6, ("热线",)),
        ),
        "refunded",
        closed=True,
        rating=(2, "等人工太久"),
    ),
)

WITH_PEOPLE = (
    Talk(
        25.5,
        (
            Said("快递显示签收了，可我根本没收到", "missing_parcel", -0.55, ("签收", "没收到"), _ASKED_NUMBER),
            Said("{number} {tail}", "inform", -0.1, (), "订单 {number}（{goods}）最新物流：{scan}。"),
            Said("门口和驿站都找过了，转人工吧", "request_human", -0.45, ("驿站",), HANDED_OFF_CALMLY),
            Answer("您好，我已联系{courier}网点核实签收照片，十分钟内给您答复，请稍等。"),
            Said("好，我等着", "affirm", 0.0),
            Answer("网点回复：快递员错放到了 3 号楼的柜子，今天 18 点前重新送到您家门口，并短信通知您。"),
            Said("收到，谢谢处理得这么快", "thank", 0.78, ("谢谢",)),
        ),
        "delivered",
        closed=True,
        rating=(5, "人工处理很快"),
        person=Person("小何", 3, "solved", "快递错放柜子，网点已确认当天 18 点前重新派送。"),
    ),
    Talk(
        50,
        (
            Said("收到的电饭煲内胆有划痕", "damaged_item", -0.5, ("划痕", "内胆"), _ASKED_NUMBER),
            Said("{number}，尾号{tail}", "inform", -0.1, (), "收到。请把划痕的照片发给我们，或告诉我您希望换货还是退款。"),
            Said("换货要等多久？说不清楚，帮我转人工", "request_human", -0.4, ("换货",), HANDED_OFF_CALMLY),
            Answer("您好，划痕属于质量问题，来回运费由我们承担。新内胆今天就可以发出，旧的不用寄回。"),
            Said("那太好了，发吧", "affirm", 0.6),
            Answer("已登记补发，预计两天内送到，物流单号会短信通知您。"),
        ),
        "delivered",
        closed=True,
        rating=(5, ""),
        person=Person("小何", 6, "solved", "内胆划痕，补发新内胆，旧件不用寄回。"),
    ),
    Talk(
        77,
        (
            Said("退款说三天到账，现在第七天了", "refund_status", -0.6, ("退款", "到账"), _ASKED_NUMBER),
            Said("{number}，{tail}", "inform", -0.3, (), "订单 {number} 正在退款，审核通过后 1–3 个工作日原路到账。"),
            Said("每次都是这句话，再不退我就去 12315 投诉", "complain_service", -0.9, ("投诉", "退款"), HANDED_OFF),
            Answer("非常抱歉让您等了这么久。我查到退款卡在银行退回环节，已请财务今天改走人工打款。"),
            Said("今天真的能到？", "refund_status", -0.4, ("到账",)),
            Answer("今天 20 点前会到您原来的支付账户，到账后我再跟您确认一次。另外给您的账户补了一张 30 元券，作为耽误您时间的歉意。"),
            Said("行，先这样", "affirm", 0.1),
        ),
        "refunding",
        closed=True,
        rating=(3, "早这样处理就好了"),
        person=Person("小路", 1, "follow_up", "退款被银行退回，财务当天人工打款，明早确认是否到账。"),
    ),
    Talk(
        101,
        (
            Said("同一个订单扣了我两次钱", "duplicate_charge", -0.5, ("扣了", "两次"), _ASKED_NUMBER),
            Said("{number} 尾号{tail}，转人工", "request_human", -0.35, (), HANDED_OFF_CALMLY),
            Answer("您好，查到第二笔是未成功的预授权，没有真正扣款，银行会在 24 小时内自动释放。"),
            Said("原来是这样，那我明天再看看", "inform", 0.1),
            Answer("好的，如果明天还没有释放，直接在这里留言，我们帮您联系银行。"),
            Said("谢谢", "thank", 0.7, ("谢谢",)),
        ),
        "paid",
        closed=True,
        rating=(4, ""),
        person=Person("小路", 8, "solved", "第二笔为预授权，24 小时内自动释放，已向顾客说明。"),
    ),
    Talk(
        128,
        (
            Said(
                "扫地机连不上 Wi-Fi，重启好几次了",
                "product_fault",
                -0.45,
                ("连不上", "Wi-Fi"),
                "请确认手机连的是 2.4G 网络，再按住配网键五秒。",
            ),
            Said("还是不行，找人工看看", "request_human", -0.4, ("不行",), HANDED_OFF_CALMLY),
            Answer("您好，请问路由器的 2.4G 和 5G 是不是合在一个名字里？"),
            Said("好像是的", "inform", 0.0),
            Answer("请在路由器里把双频合一关掉，单独连 2.4G，再配一次网。"),
            Said("连上了！", "thank", 0.75, ("连上",)),
        ),
        closed=True,
        rating=(5, "一步一步教，很耐心"),
        person=Person("小何", 11, "solved", "双频合一导致配网失败，关闭后正常。"),
    ),
    Talk(
        155,
        (
            Said("验证码一直收不到，登不上去", "login_problem", -0.4, ("验证码", "登不上"), "请确认手机没有拦截短信，一分钟后再试一次。"),
            Said("试了五次了，人工帮我查下", "request_human", -0.5, ("人工",), HANDED_OFF_CALMLY),
            Answer("您好，当天的验证码次数用完了，我已经帮您重置，现在可以再试一次。"),
            Said("可以了", "thank", 0.4),
        ),
        closed=True,
        person=Person("小路", 4, None),
    ),
    Talk(
        201,
        (
            Said("说好送货上门，结果扔在小区门口", "delivery_policy", -0.6, ("送货上门",), _ASKED_NUMBER),
            Said("{number} {tail}，我一个人怎么搬得动，你们太过分了", "complain_service", -0.85, ("太过分",), HANDED_OFF),
            Said("转人工，我要说清楚", "request_human", -0.7, ("人工",)),
            Answer("真的很抱歉。我已经让{courier}今天安排两位师傅把商品搬到您家里，不收费用。"),
            Said("几点来？", "track_order", -0.2, ("几点",)),
            Answer("约在今天 19 点到 20 点，师傅会提前半小时打电话。"),
            Said("知道了", "affirm", 0.05),
        ),
        "delivered",
        closed=True,
        rating=(4, "态度好，就是等得有点久"),
        person=Person("小何", 9, "solved", "未按约送货上门，已安排快递当晚搬运到户。"),
    ),
    Talk(
        262,
        (
            Said("洗地机漏水，地板都泡了", "product_fault", -0.75, ("漏水",), "请先断电，清理漏水处，再检查清水箱是否卡紧。"),
            Said("卡紧了还漏，转人工", "request_human", -0.6, ("漏",), HANDED_OFF_CALMLY),
            Answer("您好，听起来是密封圈老化。机器在保修期内，可以免费上门检修，您看明天上午还是下午方便？"),
            Said("地板的损失怎么办", "complain_product", -0.7, ("损失",)),
            Answer("地板的损失需要师傅上门拍照后定损，我先登记，定损结果两个工作日内告诉您。"),
            Said("那就明天下午吧", "inform", -0.1),
        ),
        "delivered",
        closed=True,
        rating=(2, "赔偿还要等"),
        person=Person("小路", 7, "follow_up", "保修期内漏水，约次日下午上门检修；地板损失待定损。"),
    ),
    Talk(
        340,
        (
            Said("公司采购三十台净水器，有团购价吗", "promotion_coupon", 0.1, ("团购", "采购"), "满 299 减 20 的券可以在商品页领取。"),
            Said("我要的是企业采购价，请转人工", "request_human", 0.0, ("采购",), HANDED_OFF_CALMLY),
            Answer("您好，三十台以上可以按企业价签合同，含安装。请留一个方便联系的时间，我们的企业顾问会给您报价。"),
            Said("工作日上午都可以", "inform", 0.3),
        ),
        closed=True,
        person=Person("小何", 2, "follow_up", "企业采购三十台净水器，企业顾问工作日上午联系报价。"),
    ),
    Talk(
        455,
        (
            Said("客服之前答应补发配件，到现在都没动静", "complain_service", -0.6, ("补发", "配件"), HANDED_OFF),
            Said("到底还发不发", "complain_service", -0.7, ("发不发",)),
            Answer("抱歉，查到补发单漏建了。我现在就建，今天发顺丰，单号稍后短信给您。"),
            Said("再信你们一次", "affirm", -0.1),
        ),
        "delivered",
        closed=True,
        rating=(3, ""),
        person=Person("小路", 4, "solved", "补发单漏建，已补建并当天发出。"),
    ),
    Talk(
        578,
        (
            Said("买完第二天就降价一百，能退差价吗", "price_protection", -0.35, ("降价", "差价"), _ASKED_NUMBER),
            Said("{number}，{tail}", "inform", 0.0, (), "价格保护是签收后七天内，活动价不在范围内。"),
            Said("凭什么不在范围，让人工来", "request_human", -0.5, ("人工",), HANDED_OFF_CALMLY),
            Answer("您好，我看了一下，这次降价是限量秒杀，确实不在价保范围。可以给您补 50 积分，下次下单抵用。"),
            Said("那算了吧", "deny", -0.3),
        ),
        "delivered",
        closed=True,
        rating=(2, "没解决"),
        person=Person("小何", 13, "unsolved", "秒杀价不在价保范围，补 50 积分，顾客不满意。"),
    ),
    Talk(
        650,
        (
            Said(
                "My kettle keeps beeping and won't heat.",
                "product_fault",
                -0.4,
                ("kettle", "heat"),
                "Please fill it above the minimum mark and press the button once.",
            ),
            Said(
                "Still beeping. Can I talk to a person please?", "request_human", -0.3, ("beeping",), "I am passing you on to a colleague."
            ),
            Answer("Hello, that is the dry-boil protection. Unplug it for ten minutes, then try again with one litre of water."),
            Said("It works now, thank you!", "thank", 0.85, ("thank",)),
        ),
        closed=True,
        rating=(5, "quick help"),
        locale="en",
        person=Person("小路", 5, "solved", "防干烧保护，断电十分钟后恢复。"),
    ),
)

TALKS = WITHOUT_PEOPLE + WITH_PEOPLE
