"""Every page on every kind of database: no exception, something to see, and words where there is nothing."""

from collections.abc import Callable

import pytest
from dashboard_helpers import KINDS, open_page, texts

from dashboard import views

PAGES = [page.file for page in views.PAGES]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_something_to_show_or_to_say(page: str, kind: str, database: Callable[[str], str]) -> None:
    at = open_page(page, database(kind))
    assert at.title, "a page has a title"
    assert texts(at).strip()
