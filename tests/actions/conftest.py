"""What the tests of the actions share: the desk, the actions as Rasa finds them, and a conversation."""

from typing import Any

import pytest
from rasa_sdk.executor import ActionExecutor
from shop_chat import Chat, FakeDesk

from actions import house


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> FakeDesk:
    fake = FakeDesk()
    monkeypatch.setattr(house, "desk", lambda: fake)
    return fake


@pytest.fixture(scope="session")
def actions() -> dict[str, Any]:
    executor = ActionExecutor()
    executor.register_package("actions")
    return dict(executor.actions)


@pytest.fixture
def chat(desk: FakeDesk, actions: dict[str, Any]) -> Chat:
    return Chat(desk, actions)
