"""Stripe's error answers.

StripeError
├── InvalidRequest       refused before anything began: 400, never stored under an idempotency key
│   ├── NotFound         404 resource_missing
│   ├── Unauthenticated  401
│   └── KeyConflict      400/409 idempotency_error
├── Refused              refused by the state of things: 400, stored
└── CardError            402, stored
"""

from http import HTTPStatus
from typing import Any

Field = Any  # of the error: text, or a whole Stripe object
DOCS = "https://docs.stripe.com/error-codes/"


class StripeError(Exception):
    status: int = HTTPStatus.BAD_REQUEST
    type: str = "invalid_request_error"
    # Stripe stores an answer under its key only once execution began.
    stored: bool = False

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, **more: Field) -> None:
        super().__init__(message)
        self.code = code
        self.fields = {"message": message, "code": code, "param": param, **more}

    def body(self) -> dict[str, Any]:
        error = {"type": self.type, **{name: value for name, value in self.fields.items() if value is not None}}
        if self.code:
            error["doc_url"] = DOCS + self.code.replace("_", "-")
        return {"error": error}


class InvalidRequest(StripeError):
    pass


class NotFound(InvalidRequest):
    status = HTTPStatus.NOT_FOUND

    def __init__(self, kind: str, object_id: str, param: str = "id") -> None:
        super().__init__(f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


class NoSuchReference(InvalidRequest):
    """An unknown id in a parameter is 400, where one in the path is 404."""

    def __init__(self, kind: str, object_id: str, param: str) -> None:
        super().__init__(f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


class Unauthenticated(InvalidRequest):
    status = HTTPStatus.UNAUTHORIZED


class KeyConflict(InvalidRequest):
    type = "idempotency_error"


class KeyInUse(KeyConflict):
    status = HTTPStatus.CONFLICT


class Refused(StripeError):
    stored = True


class CardError(StripeError):
    status = HTTPStatus.PAYMENT_REQUIRED
    type = "card_error"
    stored = True


class Overloaded(StripeError):
    status = HTTPStatus.TOO_MANY_REQUESTS


class Broken(StripeError):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    type = "api_error"


def missing(param: str) -> InvalidRequest:
    return InvalidRequest(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> InvalidRequest:
    return InvalidRequest(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
