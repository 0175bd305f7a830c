"""What agents read for the names in the record."""

from bot.conversation.mood import Word
from bot.conversation.taxonomy import QUEUES
from bot.crm.records import ConversationRow, Line

SENDERS = {"customer": "顾客", "bot": "机器人", "agent": "人工客服", "system": "系统"}
STATES = {"bot": "机器人接待", "queued": "排队中", "agent": "人工接待", "closed": "已结束"}
MOODS = {"negative": "不满", "neutral": "平静", "positive": "满意"}
COURSES: dict[Word, str] = {"calm": "平静", "worse": "转差", "unhappy": "不满", "better": "好转"}
CHANNELS = {"web": "网页", "rest": "接口", "rasa": "Rasa", "jsonl": "终端"}
RESULTS = {"solved": "已解决", "unsolved": "未解决", "follow_up": "需要跟进"}
TICKETS = {"open": "待处理", "waiting": "等待顾客", "solved": "已解决", "closed": "已关闭"}
ORDERS = {
    "unpaid": "待付款", "paid": "待发货", "shipped": "运输中", "delivered": "已签收", "cancelled": "已取消", "refunding": "退款中",
    "refunded": "已退款",
}  # fmt: skip
PRESENCES = {"online": "在线", "away": "离开", "offline": "离线"}
ROLES = {"agent": "坐席", "supervisor": "主管", "admin": "管理员"}
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
INTENTS = {
    "greet": "问候", "goodbye": "告别", "thank": "感谢", "affirm": "肯定", "deny": "否定", "bot_challenge": "问是否机器人",
    "ask_capabilities": "问能做什么", "request_human": "要人工", "inform": "提供信息", "track_order": "查物流",
    "delivery_delay": "催发货配送", "delivery_policy": "运费与配送", "change_address": "改收货信息", "missing_parcel": "签收未收到",
    "cancel_order": "取消订单", "request_refund": "申请退款", "refund_status": "退款进度", "request_return": "申请退货",
    "request_exchange": "申请换货", "wrong_or_missing_item": "发错少发", "damaged_item": "收到已损坏", "product_fault": "产品故障",
    "usage_help": "安装使用", "warranty_repair": "保修维修", "payment_problem": "支付问题", "duplicate_charge": "多扣重复扣",
    "request_invoice": "开发票", "price_protection": "价格保护", "login_problem": "登录问题", "account_security": "账号安全",
    "update_profile": "改账号资料", "membership_points": "会员积分", "product_info": "了解商品", "stock_availability": "有没有货",
    "promotion_coupon": "优惠和券", "recommend_product": "求推荐", "complain_service": "投诉服务", "complain_product": "投诉商品",
    "suggestion": "提建议", "out_of_scope": "与本店无关",
}  # fmt: skip

_EVENTS = {
    "queued": "转人工，进入{queue}队列", "claimed": "{user}接手了对话", "taken_over": "{user}接管了对话",
    "assigned": "{user}分配给 {agent}", "transferred": "{user}转接给 {agent}", "requeued": "{user}转到{queue}队列",
    "lost": "{before} 断线，对话回到队列", "returned": "{user}交回机器人", "resolved": "{user}结束了对话（{result}）",
    "reopened": "{user}重新打开对话", "left": "顾客离开队列，由机器人接待", "closed": "顾客结束了对话", "resumed": "顾客再次来访",
}  # fmt: skip


def customer_name(name: str | None, conversation_id: str) -> str:
    """What a customer is called; those without a name are told apart by their conversation."""
    return name or f"访客 {conversation_id[:4]}"


def event_words(line: Line) -> str:
    """What happened to a conversation, in a sentence."""
    fields = line.fields
    words = {
        "user": f"{line.user} " if line.user else "系统",
        "agent": fields.get("agent") or "",
        "before": fields.get("before") or "客服",
        "queue": QUEUES.get(str(fields.get("queue")), ""),
        "result": RESULTS.get(str(fields.get("result")), ""),
    }
    return _EVENTS[str(line.kind)].format(**words)


def last_words(row: ConversationRow) -> str:
    """The last message of a conversation, with who said it, fit for one line of a list."""
    if row.sender is None:
        return "还没有消息"
    speaker = {"customer": "", "agent": f"{row.agent_name or '人工'}："}.get(row.sender, f"{SENDERS[row.sender]}：")
    return f"{speaker}{' '.join(row.text[:120].split()) or '［附件］'}"
