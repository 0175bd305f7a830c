"""Settings: read from the environment once, checked at once."""

from dataclasses import fields
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.errors import SettingError
from bot.settings import ROOT, Rate, Settings


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.from_environment({})
    assert settings.database_url == f"sqlite:///{ROOT / 'var' / 'zhike.db'}"
    assert settings.models == ROOT / "models"
    assert settings.redis_url is None
    assert settings.rest_key is None, "the REST channel is off until it has a key"
    assert settings.worker_name


def test_an_empty_value_is_as_good_as_none() -> None:
    names = [setting.metadata["env"] for setting in fields(Settings)]
    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings.from_environment({})


@pytest.mark.parametrize(
    ("name", "raw", "field", "value"),
    [
        ("ZHIKE_DATABASE_URL", "sqlite:////tmp/x.db", "database_url", "sqlite:////tmp/x.db"),
        ("ZHIKE_DATABASE_URL", "postgresql://db/zhike", "database_url", "postgresql+psycopg://db/zhike"),
        ("ZHIKE_DATABASE_URL", "postgresql+psycopg://db/zhike", "database_url", "postgresql+psycopg://db/zhike"),
        ("ZHIKE_MODELS", "/srv/models", "models", Path("/srv/models")),
        ("ZHIKE_MODELS", "other", "models", ROOT / "other"),
        ("ZHIKE_SHOP_NAME", "小屋 & 电器", "shop_name", "小屋 & 电器"),
        ("ZHIKE_SHOP_ORIGINS", "https://a.example/, http://b:8080 ,", "shop_origins", ("https://a.example", "http://b:8080")),
        ("ZHIKE_IDENTITY_SECRET", "0123456789abcdef", "identity_secret", "0123456789abcdef"),
        ("ZHIKE_TURN_TIMEOUT", "2.5", "turn_timeout", 2.5),
        ("ZHIKE_VISITOR_RATE", "5/0.5", "visitor_rate", Rate(5, 0.5)),
        ("ZHIKE_BEHIND_PROXY", "On", "behind_proxy", True),
        ("ZHIKE_BEHIND_PROXY", "0", "behind_proxy", False),
        ("ZHIKE_LOG_FORMAT", "json", "log_format", "json"),
        ("ZHIKE_TIMEZONE", "Europe/Berlin", "timezone", ZoneInfo("Europe/Berlin")),
    ],
)
def test_good_values_are_taken(name: str, raw: str, field: str, value: object) -> None:
    assert getattr(Settings.from_environment({name: raw}), field) == value


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("ZHIKE_DATABASE_URL", "nonsense"),
        ("ZHIKE_DATABASE_URL", "mysql://db/zhike"),
        ("ZHIKE_DATABASE_URL", "postgresql:/db"),
        ("ZHIKE_SHOP_ORIGINS", "shop.example"),
        ("ZHIKE_SHOP_ORIGINS", "https://shop.example/path"),
        ("ZHIKE_SHOP_ORIGINS", "https://good.example, javascript:alert(1)"),
        ("ZHIKE_TURN_TIMEOUT", "soon"),
        ("ZHIKE_TURN_TIMEOUT", "0"),
        ("ZHIKE_TURN_TIMEOUT", "-1"),
        ("ZHIKE_TURN_TIMEOUT", "nan"),
        ("ZHIKE_TURN_TIMEOUT", "inf"),
        ("ZHIKE_VISITOR_RATE", "60"),
        ("ZHIKE_VISITOR_RATE", "0/1"),
        ("ZHIKE_VISITOR_RATE", "1/0"),
        ("ZHIKE_VISITOR_RATE", "1/nan"),
        ("ZHIKE_VISITOR_RATE", "one/two"),
        ("ZHIKE_BEHIND_PROXY", "maybe"),
        ("ZHIKE_LOG_FORMAT", "xml"),
        ("ZHIKE_TIMEZONE", "Mars/Olympus"),
        ("ZHIKE_TIMEZONE", "../../etc/passwd"),
        ("ZHIKE_MODELS", "a\x00b"),
        ("ZHIKE_VAR", "~nobody-of-this-name/var"),
    ],
)
def test_bad_values_stop_the_start_in_one_sentence(name: str, raw: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}=.* cannot be used: ") as raised:
        Settings.from_environment({name: raw})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["ZHIKE_REST_KEY", "ZHIKE_IDENTITY_SECRET"])
def test_a_short_secret_is_refused_without_being_shown(name: str) -> None:
    with pytest.raises(SettingError, match=name) as raised:
        Settings.from_environment({name: "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_every_setting_is_described_with_an_example_that_works() -> None:
    for setting in fields(Settings):
        name, doc, example = (setting.metadata[key] for key in ("env", "doc", "example"))
        assert name == f"ZHIKE_{setting.name.upper()}"
        assert doc.endswith(".")
        Settings.from_environment({name: example})


def test_other_variables_are_none_of_its_business() -> None:
    assert Settings.from_environment({"PATH": "/bin", "DATABASE_URL": "nonsense"}) == Settings.from_environment({})
