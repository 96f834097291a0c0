"""Whatever is sent to the doors of services and tools: refused in their own shape, and never money."""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import book, chart, database
from ledger.database import Sessions
from tests.conftest import new_database
from tests.fuzz import corpus
from tests.internal.conftest import Home, Service, opened

OPERATIONS = {**corpus.cases("request"), **corpus.cases("operation")}
CALLS = corpus.cases("tool_call")
POSTED = ("holds", "holds/hold_1/capture", "holds/%00/release", "debits", "unwinds", "grants", "batch")
NAMED = ("agents/{}/balance", "holds/{}", "outcomes/{}")
TOOLS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def house(postgres_url: str) -> Iterator[Home]:
    with new_database(postgres_url) as url:
        engine = database.connect(url, pool_size=5)
        with opened(database.sessions(engine), url) as found:
            yield found
        engine.dispose()


@pytest.fixture(scope="module")
def service(house: Home) -> Service:
    return house.service()


def granted(sessions: Sessions) -> int:
    with sessions() as session:
        return book.balance(session, account=chart.ISSUED).units


def send(service: Service, path: str, body: bytes) -> httpx.Response:
    headers = {**service.headers, "content-type": "application/json"}
    return service.http.post(f"/internal/v1/{path}", content=body, headers=headers)


def call(house: Home, body: bytes) -> httpx.Response:
    return house.http.post("/mcp", content=body, headers=TOOLS)


@pytest.mark.parametrize("path", POSTED)
def test_every_kept_operation_is_refused_and_moves_nothing(house: Home, service: Service, path: str) -> None:
    answers = [send(service, path, body) for body in OPERATIONS.values()]

    assert all(400 <= answer.status_code < 500 and not answer.json()["ok"] for answer in answers)
    assert granted(house.sessions) == 0


@corpus.PLAYED
@given(path=st.sampled_from(POSTED), body=corpus.mutated("operation"))
def test_no_operation_breaks_a_door_or_makes_money(
    house: Home, service: Service, path: str, body: bytes
) -> None:
    answer = send(service, path, body)

    assert answer.status_code < 500, answer.text
    assert isinstance(answer.json()["ok"], bool)
    assert granted(house.sessions) == 0


@corpus.PLAYED
@given(path=st.sampled_from(NAMED), name=st.text(min_size=1, max_size=60))
def test_no_name_in_a_path_breaks_a_door(house: Home, service: Service, path: str, name: str) -> None:
    shown = quote(name.encode("utf-8", "surrogatepass"), safe="")

    answer = house.http.get(f"/internal/v1/{path.format(shown)}", headers=service.headers)

    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("why", CALLS)
def test_every_kept_call_of_a_tool_is_answered(house: Home, why: str) -> None:
    assert call(house, CALLS[why]).status_code < 500


@corpus.PLAYED
@given(body=corpus.mutated("tool_call"))
def test_no_call_breaks_the_tools(house: Home, body: bytes) -> None:
    assert call(house, body).status_code < 500
