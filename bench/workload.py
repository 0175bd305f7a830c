"""What the customers of the measurement say: messages that need an answer and nothing else, the same for all systems."""

MESSAGES = (
    "你好，在吗",
    "下单后一般几天能发货",
    "运费怎么算",
    "有没有优惠券可以领",
    "会员积分怎么用",
    "这个保修期多久",
    "空气炸锅第一次用怎么清洗",
    "你们有哪些支付方式，支持花呗吗",
    "你们几点上班，周末有人吗",
    "新款电饭煲现在有货吗",
    "送妈妈的话推荐哪款破壁机",
    "你是机器人吗",
    "登录一直收不到验证码",
    "怎么修改绑定的手机号",
    "好的，谢谢你",
    "再见",
)
"""One conversation; longer ones say it again from the start."""


def message(turn: int) -> str:
    """What is said in a turn, counted from 0."""
    return MESSAGES[turn % len(MESSAGES)]
