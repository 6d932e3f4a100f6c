"""A simulated Stripe: card payments, refunds, signed webhooks, and faults on demand. Ships with the product."""

from sandbox.stripe.app import create_app

__all__ = ["create_app"]
