"""Whatever is sent to the doors of agents: an answer in the envelope, below 500, and never money."""

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import book, chart, database
from ledger.database import Sessions
from tests.app.conftest import Client, Doors, opened, settings
from tests.conftest import new_database
from tests.fuzz import corpus

BODIES = corpus.cases("request")
POSTED = (
    "/v1/agent-signups",
    "/v1/credit-quotes",
    "/v1/credit-purchases/fake-pages",
    "/v1/credit-purchases/fake-deposits",
)
READ = ("/v1/quota", "/v1/credit-purchases/status", "/v1/activity", "/v1/models", "/healthz")
KINDS = (
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "application/x-www-form-urlencoded",
)


@pytest.fixture(scope="module")
def house(postgres_url: str) -> Iterator[Doors]:
    with new_database(postgres_url) as url:
        engine = database.connect(url, pool_size=5)
        with opened(database.sessions(engine), settings()) as doors:
            yield doors
        engine.dispose()


@pytest.fixture(scope="module")
def agent(house: Doors) -> Client:
    return house.agent()


def granted(sessions: Sessions) -> int:
    with sessions() as session:
        return book.balance(session, account=chart.ISSUED).units


def send(agent: Client, method: str, path: str, **sent: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {agent.token}", **sent.pop("headers", {})}  # type: ignore[dict-item]
    return agent.http.request(method, path, headers=headers, **sent)  # type: ignore[arg-type]


def check(house: Doors, reply: httpx.Response) -> None:
    assert reply.status_code < 500, reply.text
    told = reply.json()
    assert told["trace_id"]
    assert (told["error"] is None) == (reply.status_code == 200)


@pytest.mark.parametrize("path", POSTED)
def test_every_kept_body_is_answered_in_the_envelope(house: Doors, agent: Client, path: str) -> None:
    for body in BODIES.values():
        check(house, send(agent, "POST", path, content=body, headers={"content-type": "application/json"}))
    assert granted(house.sessions) == 0


@corpus.PLAYED
@given(path=st.sampled_from(POSTED), body=corpus.mutated("request"), kind=st.sampled_from(KINDS))
def test_no_body_breaks_a_door_or_makes_money(
    house: Doors, agent: Client, path: str, body: bytes, kind: str
) -> None:
    check(house, send(agent, "POST", path, content=body, headers={"content-type": kind}))
    assert granted(house.sessions) == 0


@corpus.PLAYED
@given(
    path=st.sampled_from(READ),
    query=st.dictionaries(
        st.sampled_from(["payment_attempt_id", "tx_hash", "wait_seconds", "cursor", "limit", "x"]),
        st.text(max_size=40),
    ),
    key=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
)
def test_no_query_or_header_breaks_a_door(
    house: Doors, agent: Client, path: str, query: dict[str, str], key: str
) -> None:
    reply = send(
        agent,
        "GET",
        path,
        params={name: value.encode("utf-8", "surrogatepass") for name, value in query.items()},
        headers={"idempotency-key": key.encode("latin-1").strip()},
    )

    check(house, reply)
