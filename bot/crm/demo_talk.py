"""What is said in the sample conversations. `{number}`, `{goods}`, `{courier}`, `{scan}` and so on are filled in from an order."""

from dataclasses import dataclass

from bot.conversation.outcome import NewTicket
from bot.crm.records import OrderStatus

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
class Talk:
    """A sample conversation that began `hours` ago, about an order in the given status (of the product `sku`, if there is one)."""

    hours: float
    lines: tuple[Said, ...]
    order: OrderStatus | None = None
    sku: str | None = None
    ticket: NewTicket | None = None
    closed: bool = False
    rating: tuple[int, str] | None = None
    locale: str = "zh-CN"


_GREETED = Said("在吗", "greet", 0.05, ("在吗",), "在的，请问有什么可以帮您？")
_ASKED_NUMBER = "请告诉我订单号（12 位数字）和收货手机号的后四位。"
_THANKED = Said("好的，谢谢", "thank", 0.72, ("谢谢",), "不客气，有需要随时找我。")

TALKS = (
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
