"""The official SDK's client as we open it: its API version pinned, its own retries counted."""

import stripe
from stripe import StripeClient

API_VERSION = "2026-10-28.endive"
# (connect, read) in seconds.
TIMEOUT = (3.0, 10.0)


def open_client(api_key: str, api_base: str | None, timeout: tuple[float, float], *, retries: int) -> StripeClient:
    """`timeout` is (connect, read) in seconds; `api_base` replaces Stripe's address by a simulator's."""
    return StripeClient(
        api_key,
        stripe_version=API_VERSION,
        max_network_retries=retries,
        base_addresses={"api": api_base} if api_base else {},
        http_client=stripe.RequestsClient(timeout=timeout),
    )
