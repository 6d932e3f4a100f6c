"""Stripe: cards through PaymentIntents (P1), and what its webhooks tell."""

NAME = "stripe"
