"""If-Match: which versions a change is allowed to be of."""

import pytest

from api.versions import etag, expected, welcome
from domain.errors import IfMatchRequired, VersionChanged


@pytest.mark.parametrize("given", ['"3"', '"1", "3"', '"1","3"', "*", '"9", *', None, "", " , "])
def test_the_version_that_was_read_is_changed(given: str | None) -> None:
    welcome(given).check(3)


@pytest.mark.parametrize("given", ['"2"', "3", 'W/"3"', '"33"', '"1", "2"', '"3', "nonsense"])
def test_another_version_is_not(given: str) -> None:
    with pytest.raises(VersionChanged, match="its version is 3 by now"):
        welcome(given).check(3)


@pytest.mark.parametrize("given", [None, "", " , "])
def test_without_a_version_nothing_is_overwritten(given: str | None) -> None:
    with pytest.raises(IfMatchRequired):
        expected(welcome(given))


def test_what_is_sent_out_is_what_comes_back() -> None:
    expected(welcome(etag(7)["ETag"])).check(7)
