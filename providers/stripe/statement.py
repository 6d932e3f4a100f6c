"""What Stripe itself knows of our payments: the truth that the books are compared with, from its consistent lists."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from stripe import Charge, InvalidRequestError, PaymentIntent

from domain.books import ProviderPayment, ProviderTruth
from providers.stripe.amounts import from_stripe
from providers.stripe.answers import metadata
from providers.stripe.client import TIMEOUT, open_client
from providers.stripe.failures import translated

# At a tenth of a second each, half of what Stripe takes in a second in live mode: https://docs.stripe.com/rate-limits
_AT_ONCE = 5


class StripeStatement:
    """Reads the account's payments; a key that may only read payment intents and refunds is enough."""

    def __init__(self, api_key: str, *, api_base: str | None = None, timeout: tuple[float, float] = TIMEOUT) -> None:
        """`timeout` is (connect, read) in seconds; `api_base` replaces Stripe's address by a simulator's."""
        self._client = open_client(api_key, api_base, timeout, retries=2)

    def since(self, at: datetime, also: Iterable[str] = ()) -> ProviderTruth:
        """The payments that were begun or refunded at a time or later, and those with these references.

        They are told by the order that they name; others are not ours. Raises ProviderUnreachable, or
        RequestRefusedByProvider for a key that may not read them.
        """
        payments: dict[str, ProviderPayment] = {}
        with translated(), ThreadPoolExecutor(_AT_ONCE) as pool:
            begun = self._begun(int(at.timestamp()))
            others = sorted(self._refunded_since(int(at.timestamp())).union(also) - {each.id for each in begun})
            ours = [
                each
                for each in (*begun, *pool.map(self._retrieved, others))
                if each is not None and "order_id" in metadata(each)
            ]
            for intent, refunds in zip(ours, pool.map(self._refunds, ours), strict=True):
                order_id = metadata(intent)["order_id"]
                payments[order_id] = _with(payments.get(order_id), intent, refunds)
        return ProviderTruth(payments=payments)

    def _begun(self, since: int) -> list[PaymentIntent]:
        """With their last charges."""
        service = self._client.v1.payment_intents
        listed = service.list({"created": {"gte": since}, "limit": 100, "expand": ["data.latest_charge"]})
        return list(listed.auto_paging_iter())

    def _refunded_since(self, since: int) -> set[str]:
        refunds = self._client.v1.refunds.list({"created": {"gte": since}, "limit": 100})
        return {str(each.payment_intent) for each in refunds.auto_paging_iter() if each.payment_intent}

    def _retrieved(self, reference: str) -> PaymentIntent | None:
        """With its last charge; None when the provider doesn't know it."""
        try:
            return self._client.v1.payment_intents.retrieve(reference, {"expand": ["latest_charge"]})
        except InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            return None

    def _refunds(self, intent: PaymentIntent) -> list[int]:
        """The refunds that were not called off and did not fail, in Stripe's units.

        The release of a hold is one that succeeded without a balance transaction: https://docs.stripe.com/refunds
        """
        charge = _charge(intent)
        if charge is None or not charge.amount_refunded:
            return []
        refunds = self._client.v1.refunds.list({"payment_intent": intent.id, "limit": 100})
        return [
            each.amount
            for each in refunds.auto_paging_iter()
            if each.status == "pending" or (each.status == "succeeded" and each.balance_transaction is not None)
        ]


def _charge(intent: PaymentIntent) -> Charge | None:
    charge = intent.latest_charge
    return charge if isinstance(charge, Charge) and charge.status == "succeeded" else None


def _with(known: ProviderPayment | None, intent: PaymentIntent, refunds: Iterable[int]) -> ProviderPayment:
    """The payment of an order with one more intent of it: there should be no more than one."""
    currency, charge, paid_back = intent.currency.upper(), _charge(intent), list(refunds)
    held = charge.amount if charge else 0
    captured = charge.amount_captured if charge else 0
    released = held - captured if charge and (charge.captured or charge.refunded) else 0

    def ours(amount: int) -> int:
        return from_stripe(amount, currency)

    before = known or ProviderPayment(
        currency=currency, authorized=0, captured=0, refunded=0, voided=0, intents=0, captures=0, refunds=0
    )
    return ProviderPayment(
        currency=currency,
        authorized=before.authorized + ours(held),
        captured=before.captured + ours(captured),
        refunded=before.refunded + ours(sum(paid_back)),
        voided=before.voided + ours(released),
        intents=before.intents + 1,
        captures=before.captures + int(bool(charge and charge.captured)),
        refunds=before.refunds + len(paid_back),
    )
