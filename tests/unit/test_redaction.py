"""What looks like a secret is masked wherever it stands in a line of the log, and nothing else is."""

import json
import logging

import pytest
from structlog.processors import JSONRenderer
from structlog.stdlib import ProcessorFormatter

from activities import logs
from domain.redaction import MASK, masked

SECRETS = [
    "Bearer 2YotnFZFEjr1zCsicMWpAA",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhY2MifQ.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "rk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_YrKJUKribcBjcG8HVhfZluoGH",
    "seti_1Mm8s8LkdIwHu7ix_secret_NXDICkPqPeiBTAFqWmkbff09lRmSVXe",
    "ada@example.com",
    "4242 4242 4242 4242",
    "4000-0025-0000-3155",
    "378282246310005",
]
HARMLESS = [
    "ord_01h455vb4pex5vsknk084sn02q",
    "order/ord_01h455vb4pex5vsknk084sn02q",
    "req_01h455vb4pex5vsknk084sn02q:pay:2:authorize",
    "pm_card_visa",
    "pi_3MtwBwLkdIwHu7ix28a3tqPa",
    "2026-11-22T06:12:24.211893Z",
    "1732255944123456",
    "4242 4242 4242 4241",
    "The payment is completed and takes no new attempt.",
    "/srv/holdfast/api/tokens.py:42",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_by_its_shape(secret: str) -> None:
    line = masked({"event": f"it said {secret}, twice", "places": [secret, {"deep": (secret,)}]})

    assert line == {"event": f"it said {MASK}, twice", "places": [MASK, {"deep": [MASK]}]}


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked({"event": text, "count": 7, "ok": True, "none": None}) == {
        "event": text,
        "count": 7,
        "ok": True,
        "none": None,
    }


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "access_token", "Authorization", "Set-Cookie", "api_key", "email", "address"]
)
def test_a_field_is_masked_by_its_name(name: str) -> None:
    assert masked({"body": {name: "whatever it is", "status": 200}}) == {"body": {name: MASK, "status": 200}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://holdfast:s3cret@db:5432/holdfast", f"postgresql://{MASK}@db:5432/holdfast"),
        ("password=hunter2&next=1", f"{MASK}&next=1"),
        ('{"client_secret": "abc", "status": 1}', f'{{"{MASK}", "status": 1}}'),
        ("jwt_secret: abc", MASK),
    ],
)
def test_a_secret_within_a_text_is_masked_with_its_name(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_long_texts_are_looked_through_in_no_time() -> None:
    assert len(masked("a." * 100_000)) == 200_000


def test_what_a_library_logs_is_redacted_and_knows_its_order() -> None:
    formatter = ProcessorFormatter(
        foreign_pre_chain=[logs.of_temporal],
        processors=[ProcessorFormatter.remove_processors_meta, logs.redacted, JSONRenderer()],
    )
    record = logging.LogRecord("temporalio.workflow", logging.WARNING, "x.py", 1, "lost %s", (SECRETS[2],), None)
    record.temporal_workflow = {"workflow_id": HARMLESS[1], "run_id": "not kept"}

    assert json.loads(formatter.format(record)) == {
        "event": f"lost {MASK}",
        "workflow_id": HARMLESS[1],
        "order_id": HARMLESS[0],
    }
