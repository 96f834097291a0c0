"""What somebody sees when a page breaks: words and a number for the log, under the headers of every page."""

from fastapi import FastAPI
from starlette.routing import Mount

from tests.app.console.seats import Console


def test_a_page_that_breaks_says_so_in_words_and_under_the_same_headers(console: Console) -> None:
    mounted = next(each for each in console.app.routes if isinstance(each, Mount) and each.path == "/console")
    assert isinstance(mounted.app, FastAPI)

    @mounted.app.get("/breaks")
    def breaks() -> None:
        raise ZeroDivisionError("secret words")

    answer = console.operator("viewer").get("/console/breaks")

    assert answer.status_code == 500
    assert "the log knows it as trace_" in answer.text
    assert "secret words" not in answer.text
    assert "default-src 'none'" in answer.headers.get("content-security-policy", "")
    assert answer.headers.get("cache-control") == "no-store"
