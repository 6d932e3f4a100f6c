"""What is sent of a product: what a change leaves alone, and addresses of images."""

from typing import Any

import pytest
from pydantic import ValidationError

from api.products import NewProduct, ProductChange

NEW = {"name": "Shackle", "price": {"amount": 1999, "currency": "USD"}}


@pytest.mark.parametrize(
    ("sent", "columns"),
    [
        ({}, {}),
        ({"name": " Shackle "}, {"name": "Shackle"}),
        ({"active": False}, {"active": False}),
        ({"price": {"amount": 5, "currency": "EUR"}}, {"price": 5, "currency": "EUR"}),
        ({"category": None, "image_url": None}, {"category": None, "image_url": None}),
        ({"image_url": "https://a.example/b"}, {"image_url": "https://a.example/b"}),
        ({"low_stock_threshold": None}, {"low_stock_threshold": None}),
        ({"low_stock_threshold": 0}, {"low_stock_threshold": 0}),
    ],
)
def test_a_change_is_of_what_is_sent_alone(sent: dict[str, Any], columns: dict[str, Any]) -> None:
    assert ProductChange.model_validate(sent).columns() == columns


@pytest.mark.parametrize("field", ["name", "description", "price", "active", "tax_code"])
def test_what_a_product_must_have_is_not_taken_away(field: str) -> None:
    with pytest.raises(ValidationError):
        ProductChange.model_validate({field: None})


def test_a_new_product_has_every_column() -> None:
    assert NewProduct.model_validate(NEW).columns() == {
        "name": "Shackle",
        "description": "",
        "category": None,
        "active": True,
        "tax_code": "standard",
        "low_stock_threshold": None,
        "image_url": None,
        "price": 1999,
        "currency": "USD",
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/b",
        "ftp://a.example/b",
        "javascript:alert(1)",
        "//a.example/b",
        "https://",
        "https://ada@a.example/b",
        "https://ada:secret@a.example/b",
        "https://:secret@a.example/b",
        "https://a.example/" + "b" * 2000,
        "",
    ],
)
def test_an_image_is_fetched_encrypted_and_by_nobody_s_name(url: str) -> None:
    with pytest.raises(ValidationError):
        NewProduct.model_validate({**NEW, "image_url": url})


def test_an_image_s_address_is_kept() -> None:
    body = NewProduct.model_validate({**NEW, "image_url": "https://a.example/b.png?size=2"})

    assert body.columns()["image_url"] == "https://a.example/b.png?size=2"
