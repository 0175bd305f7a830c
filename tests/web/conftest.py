from collections.abc import Iterator

import pytest

from tests.servers import Server

REST_KEY = "a-key-for-these-tests"
IDENTITY_SECRET = "a-secret-shared-with-the-shop-for-these-tests"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not stop it; each test is another customer."""
    with Server(
        tmp_path_factory.mktemp("server"),
        ZHIKE_REST_KEY=REST_KEY,
        ZHIKE_IDENTITY_SECRET=IDENTITY_SECRET,
        ZHIKE_VISITOR_RATE="40/5",
        ZHIKE_ADDRESS_RATE="100000/1000",
        ZHIKE_VISIT_RATE="100000/1000",
        ZHIKE_LOG_FORMAT="json",
    ) as running:
        yield running
