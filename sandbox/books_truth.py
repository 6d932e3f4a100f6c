"""The Stripe simulator's own truth, for a books check of a system that runs beside it on loopback."""

import httpx2

from db.books_audit import BooksUnreadable
from domain.books import ProviderTruth
from sandbox.demo.provider import Provider

_TIMEOUT_SECONDS = 30.0
_STATE = "/_sandbox/state"


async def stripe_truth(url: str) -> ProviderTruth:
    """What the simulator at `url` (with or without `/_sandbox/state`) knows; amounts in ISO 4217's minor units.

    Raises BooksUnreadable when it does not answer, or with something else.
    """
    try:
        # A proxy of the environment does not lead to loopback.
        async with httpx2.AsyncClient(
            base_url=url.removesuffix("/").removesuffix(_STATE), timeout=_TIMEOUT_SECONDS, trust_env=False
        ) as http:
            return await Provider(http).truth()
    except httpx2.HTTPStatusError as refused:
        raise _unreadable(f"the simulator answered {refused.response.status_code}") from refused
    except (httpx2.TransportError, httpx2.InvalidURL) as away:
        raise _unreadable(f"no simulator answers there ({type(away).__name__})") from away
    except ValueError as strange:
        raise _unreadable("the answer is not a simulator's state") from strange


def _unreadable(why: str) -> BooksUnreadable:
    return BooksUnreadable("The provider's truth", why)
