"""What is made of the text that somebody looks for; whatever they type is no error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.search import read_text
from tests.support.sales import unhurried


@pytest.mark.parametrize(
    ("text", "words", "required", "without"),
    [
        ("anchor shackle", "anchor shackle", "anchor shackle", ""),
        ('"deck light" brass', "deck light brass", '"deck light" brass', ""),
        ("light -brass", "light", "light", "-brass"),
        ('light -"deck light"', "light", "light", '-"deck light"'),
        ('light "on deck', "light on deck", 'light "on deck"', ""),
        ("lamp or light OR lantern", "lamp light lantern", "lamp light lantern", ""),
        ('"now or never"', "now or never", '"now or never"', ""),
        ("--light", "", "", "-light"),
        ("e-mail o'neil", "e-mail o'neil", "e-mail o'neil", ""),
        ('half"quoted', "half quoted", 'half "quoted"', ""),
        ("-brass", "", "", "-brass"),
        ('- "" -"" " "', "", "", ""),
        ("", "", "", ""),
    ],
)
def test_every_word_is_required_but_those_after_a_minus(text: str, words: str, required: str, without: str) -> None:
    read = read_text(text)

    assert (read.words, read.required, read.without) == (words, required, without)


def test_the_whole_has_what_must_and_what_must_not_be_there() -> None:
    assert read_text('-brass "deck light"').whole == '"deck light" -brass'
    assert read_text("light").whole == "light"


@unhurried
@given(st.text(max_size=200))
def test_any_text_is_read_and_its_quotation_marks_are_closed(text: str) -> None:
    read = read_text(text)

    assert read.whole.count('"') % 2 == 0
    assert '"' not in read.words
