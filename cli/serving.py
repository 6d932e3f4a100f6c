"""The composition root of the API, and the server that runs it."""

import asyncio

import uvicorn
from fastapi import FastAPI

import worker as workers
from api.app import KEEP_ALIVE_SECONDS, create_app
from api.calls import RETRIES
from api.cookies import CookieRules
from api.deps import Wiring
from api.edge import Edge
from api.limits import Limits, Quota
from api.passwords import Passwords
from api.peers import Proxies
from api.tokens import SigningKey, Tokens
from cli.settled import leave
from db.session import Database
from domain.tracing import NoTracer, Tracer
from providers.stripe import NAME as STRIPE
from providers.stripe.webhooks import StripeWebhooks
from settings import Settings
from workflows.connecting import connect

# Longest request that a stopping API lets finish: the budget of a placing call, and some.
_GRACE_SECONDS = 15


def serve(told: Settings, host: str, port: int) -> None:
    application = _application(told)
    workers.settle_heap()
    uvicorn.run(
        application,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        # Which proxies are believed is ours to say (api/peers.py); uvicorn would believe any on this machine.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _application(told: Settings) -> FastAPI:
    webhooks = StripeWebhooks([secret.get_secret_value() for secret in told.stripe_webhook_secrets])
    tracing = workers.tracing(told, "holdfast-api")
    interceptors = [] if tracing is None else [tracing.interceptor]
    wiring = Wiring(
        database=Database(told.database_url.get_secret_value(), pool_size=told.database_pool_size),
        temporal=asyncio.run(connect(interceptors, retry_config=RETRIES, lazy=True)),
        tokens=_tokens(told),
        webhooks={STRIPE: webhooks},
        policy=told.policy,
        answer_budget_seconds=told.answer_budget_seconds,
        temporal_ui_url=told.temporal_ui_url,
        sign_in=told.sign_in,
        cookies=CookieRules(secure=told.cookie_secure, origin=told.public_origin),
        passwords=Passwords(told.passwords_at_once),
    )
    return create_app(wiring, max_body_bytes=told.max_body_bytes, edge=_edge(told, tracing or NoTracer()))


def _edge(told: Settings, tracer: Tracer) -> Edge:
    quotas = {Quota(name): rate for name, rate in told.rate_limits.by_quota().items()}
    token = told.metrics_token
    return Edge(
        origins=tuple(told.cors_origins),
        hsts_seconds=told.hsts_seconds,
        limits=Limits(quotas, told.rate_limit_store.get_secret_value()),
        proxies=Proxies(told.trusted_proxies),
        metrics_token=None if token is None else token.get_secret_value(),
        tracer=tracer,
        mails=told.smtp_host is not None,
    )


def _tokens(told: Settings) -> Tokens:
    keys = [SigningKey(kid, secret) for kid, secret in told.signing_keys]
    if not keys:
        leave("Neither HOLDFAST_JWT_KEYS nor HOLDFAST_JWT_SECRET is set")
    try:
        return Tokens(keys, told.access_token_seconds)
    except ValueError as unfit:
        leave(str(unfit))
