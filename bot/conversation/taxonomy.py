"""The names of intents and queues, and which team each intent belongs to."""

QUEUES = {
    "logistics": "物流配送",
    "after_sales": "售后退换",
    "technical": "产品技术",
    "billing": "支付发票",
    "account": "账号会员",
    "pre_sales": "售前咨询",
    "complaint": "投诉建议",
    "general": "其他",
}
"""Queues and what agents read for them."""
QUEUES_IN_ENGLISH = {
    "logistics": "Delivery",
    "after_sales": "Returns and refunds",
    "technical": "Product support",
    "billing": "Payments and invoices",
    "account": "Accounts and membership",
    "pre_sales": "Before buying",
    "complaint": "Complaints and suggestions",
    "general": "Other",
}

INTENT_QUEUES = {
    intent: queue
    for queue, intents in {
        "general": (
            "greet", "goodbye", "thank", "affirm", "deny", "bot_challenge", "ask_capabilities", "request_human", "inform", "out_of_scope",
        ),
        "logistics": ("track_order", "delivery_delay", "delivery_policy", "change_address", "missing_parcel"),
        "after_sales": (
            "cancel_order", "request_refund", "refund_status", "request_return", "request_exchange", "wrong_or_missing_item",
            "damaged_item",
        ),
        "technical": ("product_fault", "usage_help", "warranty_repair"),
        "billing": ("payment_problem", "duplicate_charge", "request_invoice", "price_protection"),
        "account": ("login_problem", "account_security", "update_profile", "membership_points"),
        "pre_sales": ("product_info", "stock_availability", "promotion_coupon", "recommend_product"),
        "complaint": ("complain_service", "complain_product", "suggestion"),
    }.items()
    for intent in intents
}  # fmt: skip
"""The team that serves an intent when nothing else in the message says otherwise."""
