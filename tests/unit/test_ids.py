"""Ids: UUIDv7 inside, TypeIDs with the right prefix outside, and numbers that people read out."""

from typing import Annotated, get_args
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from typeid import TypeID

import domain.ids
from db.ids import TypeIdColumn, new_id
from domain.ids import OrderId, human_number, number_in

KINDS = {name: each for name, each in vars(domain.ids).items() if name.endswith("Id")}
PREFIXES = {
    "AccountId": "acc",
    "CartId": "crt",
    "CartItemId": "cit",
    "CategoryId": "cat",
    "DiscountId": "dsc",
    "EventId": "evt",
    "FamilyId": "fam",
    "FulfilmentId": "ful",
    "IncidentId": "inc",
    "LineId": "lin",
    "MailId": "mai",
    "OrderId": "ord",
    "PaymentId": "pay",
    "ProductId": "prd",
    "RefundId": "ref",
    "RequestId": "req",
}
POSTGRES = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def test_every_kind_of_id_has_a_prefix_of_its_own() -> None:
    assert KINDS.keys() == PREFIXES.keys()
    assert len(set(PREFIXES.values())) == len(PREFIXES)


@pytest.mark.parametrize(("kind", "prefix"), PREFIXES.items())
def test_a_new_id_is_one_of_its_kind_and_of_no_other(kind: str, prefix: str) -> None:
    fresh = new_id(prefix)

    assert TypeAdapter(KINDS[kind]).validate_python(fresh) == fresh
    for other in PREFIXES.keys() - {kind}:
        with pytest.raises(ValidationError):
            TypeAdapter(KINDS[other]).validate_python(fresh)


def test_new_ids_are_uuids_of_version_seven_that_sort_by_time() -> None:
    ids = [new_id("ord") for _ in range(1000)]

    assert {TypeID.from_string(each).uuid.version for each in ids} == {7}
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "ord_",
        "ord_0000000000000000000000000",
        "ord_000000000000000000000000000",
        "ord_80000000000000000000000000",
        "ord_0000000000000000000000000i",
        "ord_0000000000000000000000000A",
        "ORD_00000000000000000000000000",
        "00000000000000000000000000",
        "ord_00000000000000000000000000\n",
        " ord_00000000000000000000000000",
    ],
)
def test_what_is_no_order_s_id_is_refused(malformed: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(OrderId).validate_python(malformed)


def test_every_kind_is_a_text_with_a_pattern() -> None:
    assert all(get_args(each)[0] is str for each in KINDS.values())
    assert all(isinstance(each, type(Annotated[str, 1])) for each in KINDS.values())


def test_a_column_keeps_an_id_as_a_uuid_and_gives_it_back() -> None:
    column, fresh = TypeIdColumn("ord"), new_id("ord")

    stored = column.process_bind_param(fresh, POSTGRES)

    assert isinstance(stored, UUID)
    assert column.process_result_value(stored, POSTGRES) == fresh
    assert column.process_bind_param(None, POSTGRES) is None
    assert column.process_result_value(None, POSTGRES) is None


def test_a_column_refuses_an_id_of_another_kind() -> None:
    payment = new_id("pay")

    with pytest.raises(ValueError, match=f"^{payment} is not a ord id$"):
        TypeIdColumn("ord").process_bind_param(payment, POSTGRES)


def test_people_read_numbers_to_each_other() -> None:
    assert [human_number(letter, 100001) for letter in "OPR"] == ["O-100001", "P-100001", "R-100001"]


def test_a_number_is_read_back_as_it_is_written() -> None:
    assert number_in("O", human_number("O", 100_001)) == 100_001
    assert number_in("P", "p-100001") == 100_001


@pytest.mark.parametrize(
    "text", ["P-100001", "O100001", "100001", "O-", "O-1-2", "O--1", "O-1e3", "O-²", "O-" + "9" * 18, ""]
)
def test_what_is_no_number_of_the_kind_is_none(text: str) -> None:
    assert number_in("O", text) is None
