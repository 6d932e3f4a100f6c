"""Signing in: how long it lasts, how often it may fail, and what is made of a refresh token that is presented."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import ConfigDict, Field

from domain.values import Value

Seconds = Annotated[int, Field(gt=0)]
_DAY = 24 * 3600


class Limit(Value):
    """At most so many `times` in a window of so many seconds."""

    times: Annotated[int, Field(gt=0)]
    seconds: Seconds


class SignInRules(Value):
    """How long sign-ins last, in seconds, and how many tries are let through.

    A wrong password counts for the account's name from this address, for the name from anywhere, and for the address
    whatever the name. The first stops a guesser; the second bounds many of them, and is loose enough that one alone
    can't shut an account's owner out; the third stops whoever tries one password on many names.
    """

    # A deployment sets these: a misspelt name must not be a limit that nobody set.
    model_config = ConfigDict(extra="forbid")

    refresh_idle: Seconds = 14 * _DAY
    refresh_lifetime: Seconds = 30 * _DAY
    # Above the timeout of common HTTP clients, for it is after one that a call is repeated.
    refresh_grace: Seconds = 60
    session_idle: Seconds = 12 * 3600
    session_lifetime: Seconds = 7 * _DAY
    per_name_and_address: Limit = Limit(times=10, seconds=900)
    per_name: Limit = Limit(times=50, seconds=900)
    per_address: Limit = Limit(times=100, seconds=900)
    registrations_per_address: Limit = Limit(times=20, seconds=3600)


class Presented(StrEnum):
    """What a refresh token is at the moment that it comes."""

    CURRENT = "current"
    # Its answer was lost: it came again before its successor was used, and soon.
    REPEATED = "repeated"
    # Somebody has a token that another has used: one of the two is a thief.
    REUSED = "reused"
    OVER = "over"


class TokenTimes(NamedTuple):
    """All that decides about a refresh token; `successor_used` is False for the newest of its family."""

    expires: datetime
    family_expires: datetime
    used: datetime | None
    successor_used: bool


def judge(token: TokenTimes, at: datetime, grace: int) -> Presented:
    """What a presented token is; `grace` in seconds."""
    if token.family_expires <= at:
        return Presented.OVER
    if token.used is None:
        return Presented.CURRENT if at < token.expires else Presented.OVER
    soon = at - token.used <= timedelta(seconds=grace)
    return Presented.REPEATED if soon and not token.successor_used else Presented.REUSED
