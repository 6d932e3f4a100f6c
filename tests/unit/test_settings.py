"""Settings that would fail later, or mean something else than they say, are refused at once."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from api.limits import Quota
from settings import UNLIMITED, RateSettings, Settings


def given(**settings: Any) -> Settings:
    return Settings.model_validate({"database_url": "postgresql://nowhere", **settings})


def test_limits_are_on_by_default_for_every_quota() -> None:
    quotas = given().rate_limits.by_quota()

    assert quotas.keys() == {str(quota) for quota in Quota}
    assert all(rate.amount > 0 and rate.get_expiry() in {60, 3600} for rate in quotas.values())


def test_one_limit_can_be_changed_or_lifted_without_naming_the_others() -> None:
    rates = RateSettings.model_validate_json(json.dumps({"account_writes": "5/second", "address_reads": UNLIMITED}))

    quotas = rates.by_quota()

    assert (quotas["account-writes"].amount, quotas["account-writes"].get_expiry()) == (5, 1)
    assert "address-reads" not in quotas
    assert quotas["account-reads"] == RateSettings().by_quota()["account-reads"]


def test_proxies_and_origins_are_lists() -> None:
    settings = given(trusted_proxies=["10.0.0.0/8", "fd00::/8"], cors_origins=["https://shop.example:8443"])

    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "fd00::/8"]
    assert settings.cors_origins == ["https://shop.example:8443"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_limits": {"account_reads": "many"}},
        {"rate_limits": {"logins": "1/minute"}},
        {"cors_origins": ["shop.example"]},
        {"cors_origins": ["https://shop.example/"]},
        {"cors_origins": ["https://*.example"]},
        {"trusted_proxies": ["everybody"]},
        {"worker_metrics_address": "9464"},
        {"mail_locale": "xx_YY"},
        {"smtp_host": "mail.example"},
        {"smtp_host": "mail.example", "mail_from": "nobody"},
        {"smtp_tls": "ssl"},
        {"hsts_seconds": -1},
    ],
    ids=str,
)
def test_what_can_not_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        given(**wrong)


def test_mails_need_a_server_and_a_sender() -> None:
    settings = given(smtp_host="mail.example", mail_from="shop@holdfast.example")

    assert (settings.smtp_port, settings.smtp_tls, settings.mail_locale) == (587, "starttls", "en_US")


@pytest.mark.parametrize("login", [{"smtp_username": "shop"}, {"smtp_password": "a marked secret"}], ids=str)
def test_a_login_at_the_mail_server_is_not_sent_in_clear(login: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="HOLDFAST_SMTP_TLS is none, and HOLDFAST_SMTP_USERNAME") as caught:
        given(smtp_tls="none", **login)

    assert "marked" not in str(caught.value)
    assert given(smtp_tls="none").smtp_tls == "none"
    assert given(smtp_tls="starttls", **login).smtp_tls == "starttls"


def test_what_is_wrong_is_said_without_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        given(smtp_host="mail.example", jwt_secret="a marked secret", access_token_seconds="a marked number")

    assert "marked" not in str(caught.value)
