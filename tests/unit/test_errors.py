"""The one registry of errors: unique codes, documented statuses, sentences from values, a tree drawn as it is."""

import re
from string import Formatter

import pytest

import domain.errors
from domain.errors import BY_CODE, HoldfastError, ProviderUnreachable, from_code

# Used as RFC 9110 and its extensions define them; 500 and 503 are ours.
STATUSES = {400, 401, 403, 404, 405, 409, 412, 413, 422, 428, 429, 500, 503}
CLASSES = [
    each
    for each in vars(domain.errors).values()
    if isinstance(each, type) and issubclass(each, HoldfastError) and each is not HoldfastError
]
NAMED = [each for each in CLASSES if "code" in vars(each)]
BY_NAME = {each.__name__: each for each in CLASSES}


def fields(error: type[HoldfastError]) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(error.sentence) if name]


def example(error: type[HoldfastError]) -> HoldfastError:
    return error(**{name: f"<{name}>" for name in fields(error)})


def test_every_code_is_unique() -> None:
    codes = [each.code for each in NAMED]

    assert len(set(codes)) == len(codes)
    assert "error" not in codes


def test_a_class_without_a_code_of_its_own_is_only_a_branch() -> None:
    branches = set(CLASSES) - set(NAMED)

    assert {branch.__name__ for branch in branches} == {
        "BadRequest", "Unauthenticated", "Forbidden", "NotFound", "Conflict", "Unprocessable", "Unavailable",
        "InvariantBroken", "DeploymentRefused",
    }  # fmt: skip
    assert all(branch.__subclasses__() for branch in branches)


@pytest.mark.parametrize("error", NAMED, ids=lambda each: each.__name__)
def test_an_error_is_ready_to_be_shown(error: type[HoldfastError]) -> None:
    shown = example(error)

    assert error.status in STATUSES
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert str(shown).endswith(".")
    assert all(f"<{name}>" in str(shown) for name in fields(error))
    assert "{" not in str(shown)


@pytest.mark.parametrize("error", NAMED, ids=lambda each: each.__name__)
def test_an_error_crosses_a_boundary_as_its_code_and_values(error: type[HoldfastError]) -> None:
    sent = example(error)

    received = from_code(sent.code, sent.values)

    assert type(received) is error
    assert (str(received), received.values) == (str(sent), sent.values)


def test_values_that_no_sentence_shows_travel_too() -> None:
    received = from_code("provider_unreachable", {"reason": "rate limited", "retry_after": 7})

    assert isinstance(received, ProviderUnreachable)
    assert received.values["retry_after"] == 7


@pytest.mark.parametrize("code", ["never_heard_of", "", "error"])
def test_an_unknown_code_becomes_the_root_error(code: str) -> None:
    received = from_code(code, {"order_id": "ord_1"})

    assert type(received) is HoldfastError
    assert (received.status, str(received)) == (500, "Something went wrong.")


def test_nothing_is_found_under_a_code_but_the_error_that_has_it() -> None:
    assert {code: error.code for code, error in BY_CODE.items()} == {code: code for code in BY_CODE}
    assert BY_CODE.keys() == {each.code for each in NAMED} | {"error"}


def test_what_can_be_repeated_is_said_to_be_transient_and_nothing_else_is() -> None:
    retryable = {each.__name__ for each in NAMED if each.retryable}

    assert retryable == {"OrderBusy", "OrderHeld", "RateLimited", "StreamsExhausted", "WorkflowsUnavailable",
                         "DatabaseUnavailable", "ProviderUnreachable", "AccountBusy"}  # fmt: skip


def test_the_tree_in_the_docstring_has_exactly_the_classes_that_exist() -> None:
    drawn = re.findall(r"[A-Z]\w+", tree())

    assert sorted(drawn) == sorted([*BY_NAME, "HoldfastError"])


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    branch = None
    for line in tree().splitlines():
        if found := re.match(r"[├└]── (\w+)(?: (\d{3}))?", line):
            branch = BY_NAME[found[1]]
            assert branch.__bases__ == (HoldfastError,)
            assert found[2] in {None, str(branch.status)}
        leaves = re.sub(r"^[├└]── \w+( \d{3})?", "", line)
        for name in re.findall(r"[A-Z]\w+", leaves) if branch and line[0] in "│├└ " else []:
            assert BY_NAME[name].__bases__ == (branch,), name


def tree() -> str:
    """The drawing, without the sentence above it and the note beside the last line."""
    drawn = (domain.errors.__doc__ or "").partition("\n\n")[2]
    return re.sub(r"(?m)^(ProviderUnreachable).*$", r"\1", drawn)
