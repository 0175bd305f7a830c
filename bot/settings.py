"""Every setting, read from the environment once and checked at once; a bad value stops the start with a clear sentence."""

import math
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent
SHANGHAI = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `burst` at once, then `per_second` more every second."""

    burst: int
    per_second: float


def _text(raw: str) -> str:
    return raw


def _secret(raw: str) -> str:
    if len(raw) < 16:
        raise ValueError("a secret needs at least 16 characters")
    return raw


def _path(raw: str) -> Path:
    try:
        return (ROOT / Path(raw).expanduser()).resolve()
    except RuntimeError as error:  # ~somebody whom this machine does not know
        raise ValueError(error) from None


def _seconds(raw: str) -> float:
    value = float(raw)
    if not 0 < value < 3600:
        raise ValueError("between 0 and 3600 seconds, please")
    return value


def _rate(raw: str) -> Rate:
    burst, _, per_second = raw.partition("/")
    rate = Rate(int(burst), float(per_second))
    if rate.burst < 1 or not 0 < rate.per_second < math.inf:
        raise ValueError("both numbers must be positive")
    return rate


def _flag(raw: str) -> bool:
    if raw.lower() not in {"0", "1", "false", "true", "no", "yes", "off", "on"}:
        raise ValueError("use 1 or 0")
    return raw.lower() in {"1", "true", "yes", "on"}


def _origins(raw: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/") for part in raw.split(",") if part.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
            raise ValueError(f"{origin!r} is not an origin such as https://shop.example")
    return origins


def _web_address(raw: str) -> str:
    if urlsplit(raw).scheme not in {"http", "https"} or not urlsplit(raw).netloc:
        raise ValueError("it must start with https:// or http://")
    return raw


def _zone(raw: str) -> tzinfo:
    try:
        return ZoneInfo(raw)
    except (ZoneInfoNotFoundError, OSError):
        if raw == SHANGHAI:  # a machine without a list of time zones; China has no summer time
            return timezone(timedelta(hours=8), SHANGHAI)
        raise ValueError("this machine knows no such time zone") from None


def _database(raw: str) -> str:
    scheme = raw.partition("://")[0]
    if scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise ValueError("the URL must start with sqlite:/// or postgresql://")
    return raw.replace("postgresql://", "postgresql+psycopg://", 1)


def _setting(env: str, read: Any, default: Any, doc: str, example: str) -> Any:
    return field(default=default, metadata={"env": env, "read": read, "doc": doc, "example": example})


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set. `docs/settings.md` is checked against this class by a test."""

    database_url: str = _setting(
        "ZHIKE_DATABASE_URL",
        _database,
        f"sqlite:///{ROOT / 'var' / 'zhike.db'}",
        "SQLAlchemy URL of the CRM store: SQLite (one machine) or PostgreSQL.",
        "postgresql://zhike@db/zhike",
    )
    redis_url: str | None = _setting(
        "ZHIKE_REDIS_URL", _text, None, "Redis for hints between processes. Without it they poll the database.", "redis://cache:6379/0"
    )
    models: Path = _setting("ZHIKE_MODELS", _path, ROOT / "models", "Folder of the trained models.", "/srv/zhike/models")
    var: Path = _setting("ZHIKE_VAR", _path, ROOT / "var", "Folder for what running makes: the SQLite file, locks.", "/var/lib/zhike")
    shop_name: str = _setting("ZHIKE_SHOP_NAME", _text, "知客生活电器", "The shop's name, as customers see it.", "小屋电器")
    timezone: tzinfo = _setting(
        "ZHIKE_TIMEZONE", _zone, _zone(SHANGHAI), "Time zone of opening hours and of the times that agents see.", SHANGHAI
    )
    shop_origins: tuple[str, ...] = _setting(
        "ZHIKE_SHOP_ORIGINS",
        _origins,
        (),
        "Origins of the shop's pages that may embed the widget, separated by commas.",
        "https://shop.example",
    )
    identity_secret: str | None = _setting(
        "ZHIKE_IDENTITY_SECRET",
        _secret,
        None,
        "Shared with the shop, which signs its customers' identities with it (JWT, HS256).",
        "a long random text",
    )
    rest_key: str | None = _setting(
        "ZHIKE_REST_KEY",
        _secret,
        None,
        "API key of the REST channel /webhooks/rest/webhook; unset: the channel is off.",
        "a long random text",
    )
    webhook_url: str | None = _setting(
        "ZHIKE_WEBHOOK_URL",
        _web_address,
        None,
        "Where new tickets and hand-offs are told to, as JSON by POST.",
        "https://shop.example/hooks/zhike",
    )
    webhook_secret: str | None = _setting(
        "ZHIKE_WEBHOOK_SECRET",
        _secret,
        None,
        "Signs what is told: header X-Zhike-Signature, HMAC-SHA256 of the body in hexadecimal.",
        "a long random text",
    )
    turn_timeout: float = _setting("ZHIKE_TURN_TIMEOUT", _seconds, 5.0, "Seconds that the assistant may take for one answer.", "5")
    visitor_rate: Rate = _setting("ZHIKE_VISITOR_RATE", _rate, Rate(60, 2.0), "Messages of one visitor: at once/then per second.", "60/2")
    address_rate: Rate = _setting(
        "ZHIKE_ADDRESS_RATE", _rate, Rate(3000, 50.0), "Messages from one network address: at once/then per second.", "3000/50"
    )
    visit_rate: Rate = _setting(
        "ZHIKE_VISIT_RATE", _rate, Rate(600, 5.0), "New visitors from one network address: at once/then per second.", "600/5"
    )
    behind_proxy: bool = _setting(
        "ZHIKE_BEHIND_PROXY", _flag, False, "1 when a reverse proxy of yours sets X-Forwarded-For and X-Forwarded-Proto.", "1"
    )
    log_format: str = _setting("ZHIKE_LOG_FORMAT", _text, "console", "console or json.", "json")
    worker_name: str = _setting(
        "ZHIKE_WORKER_NAME",
        _text,
        socket.gethostname(),
        "Name of this process in leases; unique per process, the same after a restart.",
        "worker-1",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read and check all settings.

        Raises:
            SettingError: a value cannot be used.
        """
        environment = os.environ if environment is None else environment
        known = {f.metadata["env"]: f for f in fields(cls)}
        values = {}
        for name, setting in known.items():
            raw = environment.get(name, "")
            if raw == "":
                continue
            try:
                values[setting.name] = setting.metadata["read"](raw)
            except ValueError as error:
                shown = name if setting.metadata["read"] is _secret else f"{name}={raw!r}"
                raise SettingError(f"{shown} cannot be used: {error} (for example {setting.metadata['example']})") from None
        if values.get("log_format", "console") not in {"console", "json"}:
            raise SettingError(f"ZHIKE_LOG_FORMAT={values['log_format']!r} cannot be used: it is console or json")
        if "var" in values:
            values.setdefault("database_url", f"sqlite:///{values['var'] / 'zhike.db'}")
        return cls(**values)
