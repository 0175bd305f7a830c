"""The assistant with the published models, loaded once, and customers who talk to it."""

import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from bot.dialogue.assistant import Assistant
from bot.learning import cards
from bot.service import Service
from bot.settings import Settings
from tests.conftest import _folder
from tests.dialogue.talking import Talk


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    with _folder() as folder:
        models = Settings.from_environment().models
        yield Settings(database_url=f"sqlite:///{folder / 'zhike.db'}", models=models, var=folder, turn_timeout=60)


@pytest.fixture(scope="session")
def archive(settings: Settings) -> Path:
    return cards.verified(settings.models, cards.read_card(settings.models, "assistant"))


@pytest.fixture(scope="session")
def built(settings: Settings) -> Iterator[Service]:
    service = Service.build(settings)
    yield service
    service.database.close()


@pytest.fixture(scope="session")
def elsewhere(built: Service, archive: Path) -> Assistant:
    """The assistant as another process would have it: the same record and models, a memory of its own."""
    first = built.assistant
    assert first is not None
    return Assistant.load(archive, first._desk, first._triage, built.database, timeout=60)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that does not come is known sooner than customers give up."""
    monkeypatch.setattr("bot.service.ANSWER_SECONDS", 20)


@pytest.fixture
async def service(built: Service) -> AsyncIterator[Service]:
    """A process that serves, with the loaded models; nothing is under way in it yet."""
    assert built.assistant is not None
    service = Service(built.settings, built.database, built.assistant, f"worker/{uuid.uuid4().hex[:8]}")
    yield service
    assert service.worker is not None
    await service.worker.stop()


@pytest.fixture
def assistant(service: Service) -> Assistant:
    assert service.assistant is not None
    return service.assistant


@pytest.fixture
def talk(service: Service) -> Talk:
    """A customer of whom the shop knows nothing, in a new conversation."""
    return Talk(service)


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> Iterator[None]:
    """Rasa's own debugging costs more than a turn."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()
