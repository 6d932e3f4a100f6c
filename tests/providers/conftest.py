"""Each gateway of the contract, with a simulator that is started once and empty for every test."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gateways import PROVIDERS, Bench, Provider
from tests.support.stripe_sandbox import Sandbox


@pytest.fixture(scope="session", params=PROVIDERS, ids=lambda provider: provider.name)
def provider_and_simulator(request: Any) -> Iterator[tuple[Provider, Sandbox]]:
    provider: Provider = request.param
    with provider.open() as simulator:
        yield provider, simulator


@pytest.fixture
def bench(provider_and_simulator: tuple[Provider, Sandbox]) -> Bench:
    provider, simulator = provider_and_simulator
    simulator.reset()
    return Bench(provider, simulator)
