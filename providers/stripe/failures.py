"""Stripe's errors in the domain's words."""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from domain.errors import ProviderUnreachable, RequestRefusedByProvider


class NoAnswer(ProviderUnreachable):
    """The call may have had its effect; the provider is asked what became of it before it is repeated.

    It is `over` when the provider only repeats the failure that it keeps under the key.
    """

    over = False


class UnexpectedState(RequestRefusedByProvider):
    """The payment is not in a state for this call: perhaps because the call was made before.

    The provider repeats this answer under the key, whatever becomes of the payment.
    """

    over = True


class NoSuchMethod(RequestRefusedByProvider):
    """The buyer's payment method does not exist, or not for us."""


@contextmanager
def translated() -> Iterator[None]:
    """Stripe's errors as ours; a decline passes through. Rule: https://docs.stripe.com/error-low-level"""
    try:
        yield
    except (stripe.APIConnectionError, stripe.AuthenticationError, stripe.PermissionError) as error:
        # No answer at all: the same key finds out. A wrong API key is mended by an operator, and the call goes on.
        raise ProviderUnreachable(reason=type(error).__name__) from error
    except stripe.RateLimitError as error:
        wait = int((error.headers or {}).get("Retry-After", "1"))
        raise ProviderUnreachable(reason="rate limited", retry_after=wait) from error
    except stripe.CardError:
        raise
    except stripe.IdempotencyError as error:
        # The key was used with other parameters: what it did then is looked for, not guessed.
        raise NoAnswer(reason=type(error).__name__) from error
    except stripe.StripeError as error:
        if error.http_status == 409:  # noqa: PLR2004 - the same key is still executing
            raise ProviderUnreachable(reason="in progress", retry_after=1) from error
        if error.http_status is None or error.http_status >= 500:  # noqa: PLR2004 - HTTP's own boundary
            lost = NoAnswer(reason=f"HTTP {error.http_status}")
            lost.over = (error.headers or {}).get("Idempotent-Replayed") == "true"
            raise lost from error
        if error.code == "payment_intent_unexpected_state":
            raise UnexpectedState(reason=error.code) from error
        if error.code == "resource_missing" and getattr(error, "param", None) == "payment_method":
            raise NoSuchMethod(reason=error.code) from error
        raise RequestRefusedByProvider(reason=error.code or type(error).__name__) from error
