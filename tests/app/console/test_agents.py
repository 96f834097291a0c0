"""The pages of agents, and what operators do to agents there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine, event
from sqlmodel import col, select, text

from app.console.pages import agents as pages
from ledger import credits
from ledger.database import Sessions
from ledger.operations import Operation
from office.models import AuditRow
from tests.app.console.seats import Console, Json, Seat
from tests.ledger import story
from tests.ledger.make import debit, grant, hold

PARTS = ("lots", "holds", "holds/all", "statement", "activity", "purchases", "freezes", "tokens", "claims")
STOLEN = "its owner says it was stolen"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def console(console: Console) -> Console:
    """A console whose clock goes with the database's, by which the book is dated."""
    console.clock.now = datetime.now(UTC) + timedelta(seconds=1)
    return console


@pytest.fixture
def agent(console: Console) -> str:
    return console.agent()[0]


@pytest.fixture
def support(console: Console) -> Seat:
    return console.operator("support")


def do(console: Console, *wanted: Operation) -> None:
    story.do(console.sessions, *wanted, now=console.clock.now)
    console.clock.now = datetime.now(UTC) + timedelta(seconds=1)


def spend(console: Console, agent: str, key: str) -> str:
    return credits.perform(console.sessions, [debit(key, 1, agent=agent)], now=console.clock.now)[0].code


def whoami(console: Console, token: str) -> bool:
    """Whether the token still opens the agents' door."""
    with httpx.Client(base_url=console.url) as http:
        reply = http.get("/v1/whoami", headers={"authorization": f"Bearer {token}"}).json()
    return bool(reply["ok"])


def last_audit(sessions: Sessions) -> AuditRow:
    with sessions() as session:
        found = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id).desc())).first()
    assert found is not None
    return found


def test_every_page_of_an_agent_opens_empty_and_full(console: Console, support: Seat, agent: str) -> None:
    for part in ("", *PARTS):
        assert agent in support.page(f"/console/agents/{agent}/{part}".rstrip("/"))

    do(console, grant("g", 100, cents=100, agent=agent), debit("d", 3, agent=agent))
    do(console, hold("h", 20, agent=agent, minutes=10**6))
    support.act(f"/console/agents/{agent}/freeze", reason=STOLEN)

    for part in ("", *PARTS, "lots/1"):
        assert agent in support.page(f"/console/agents/{agent}/{part}".rstrip("/"))


def test_the_overview_tells_what_the_agent_has_and_what_it_had(
    console: Console, support: Seat, agent: str
) -> None:
    do(console, grant("g", 100, cents=100, agent=agent))
    between = console.clock.now
    console.clock.now += timedelta(seconds=2)
    with console.sessions() as session:
        # As if the second operation had come later than it did: the book dates what follows by its own rows.
        session.connection().execute(
            text("UPDATE balance SET last_at = :at WHERE posted = 100"), {"at": between}
        )
    do(console, hold("h", 20, agent=agent, minutes=10**6), debit("d", 30, agent=agent))
    console.clock.now = between + timedelta(minutes=1)

    told = support.json(f"/console/agents/{agent}", at=between.isoformat())

    stands = told["agent"]["standing"]
    assert [stands[name]["units"] for name in ("posted", "held", "available")] == [70, 20, 50]
    assert [told["then"][name]["units"] for name in ("posted", "held", "available")] == [100, 0, 100]
    assert told["course"][-1]["available"]["units"] == told["drawn"]["series"][1]["values"][-1] == 50
    assert (len(told["course"]), told["course"][0]["version"]) == (61, 0)
    assert [each["left"]["units"] for each in told["next_used"]] == [70]
    assert told["allowance"]["remaining_cents"] == told["allowance"]["limit_cents"]


@pytest.mark.parametrize(
    "query", [{"at": "2999-01-01"}, {"at": "yesterday"}, {"days": 5}, {"at": "0001-01-01"}]
)
def test_a_moment_that_never_was_is_refused(support: Seat, agent: str, query: dict[str, str]) -> None:
    assert support.get(f"/console/agents/{agent}", **query).status_code == 422


@pytest.mark.parametrize("path", ["", "/lots", "/statement", "/tokens", "/freezes"])
def test_nobodys_page_is_not_found(support: Seat, path: str) -> None:
    assert support.get(f"/console/agents/agt_nobody{path}").status_code == 404
    assert support.get(f"/console/agents/%20%3Cb%3E{path}").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?q=%00", 404),
        ("?after=%00", 404),
        ("/%00", 404),
        ("/{agent}/holds?after=%00", 404),
        ("/{agent}/lots?before=0", 422),
    ],
)
def test_what_no_row_can_hold_is_refused(support: Seat, agent: str, path: str, status: int) -> None:
    assert support.http.get(f"/console/agents{path.format(agent=agent)}").status_code == status


def test_the_list_finds_by_name_contact_and_freeze(console: Console, support: Seat) -> None:
    painter, _ = console.agent("painter")
    writer, _ = console.agent("writer")
    support.act(f"/console/agents/{writer}/freeze", reason=STOLEN)

    def found(**query: str) -> list[str]:
        return [each["agent_id"] for each in support.json("/console/agents", **query)["agents"]]

    assert sorted(found()) == sorted([writer, painter])
    assert found(q="PAIN") == [painter]
    assert found(frozen="true") == [writer]
    assert found(frozen="true", q="pain") == []
    assert found(by="contact", q="pain") == []
    assert "Nobody is like this" in support.page("/console/agents", q="nothing")


def test_the_list_goes_on_where_a_page_ends(
    console: Console, support: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST", 2)
    made = {console.agent(f"agent {number}")[0] for number in range(5)}

    seen, after = [], ""
    while True:
        told = support.json("/console/agents", **({"after": after} if after else {}))
        seen += [each["agent_id"] for each in told["agents"]]
        after = told["next"]
        if after is None:
            break

    assert (len(seen), set(seen)) == (5, made)


def test_a_freeze_stops_spending_until_it_is_lifted(console: Console, support: Seat, agent: str) -> None:
    do(console, grant("g", 100, agent=agent))

    support.act(f"/console/agents/{agent}/freeze", reason=STOLEN)
    refused = spend(console, agent, "while")
    frozen = last_audit(console.sessions)
    [told] = support.json(f"/console/agents/{agent}/freezes")["freezes"]
    support.act(f"/console/agents/{agent}/freezes/{told['freeze']['freeze_id']}/lift", reason="it was him")

    assert (refused, spend(console, agent, "after")) == ("frozen", "done")
    assert (frozen.action, frozen.actor, frozen.reason) == (
        "agent.freeze",
        "operator:support@example.com",
        STOLEN,
    )
    assert last_audit(console.sessions).action == "agent.lift_freeze"


def test_what_cannot_be_done_is_said_and_not_done(console: Console, support: Seat, agent: str) -> None:
    path = f"/console/agents/{agent}"
    support.act(f"{path}/freeze", reason=STOLEN)

    assert support.send(f"{path}/freeze", reason=STOLEN.upper()).status_code == 409
    assert support.send(f"{path}/freeze", reason="   ").status_code == 422
    assert support.send(f"{path}/freezes/999/lift", reason="why").status_code == 404
    assert support.send("/console/agents/agt_nobody/freeze", reason="why").status_code == 404
    support.act(f"{path}/revoke-token", reason=STOLEN)
    assert support.send(f"{path}/revoke-token", reason=STOLEN).status_code == 409


def test_a_revoked_token_opens_nothing_and_the_credits_stay(console: Console, support: Seat) -> None:
    agent, token = console.agent()
    do(console, grant("g", 100, agent=agent))
    before = whoami(console, token)

    support.act(f"/console/agents/{agent}/revoke-token", reason=STOLEN)

    assert (before, whoami(console, token)) == (True, False)
    row = last_audit(console.sessions)
    assert (row.action, row.about_id, row.reason) == ("agent.revoke_token", agent, STOLEN)
    assert support.json(f"/console/agents/{agent}")["agent"]["standing"]["posted"]["units"] == 100


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("viewer", "freeze", 403),
        ("viewer", "freezes/1/lift", 403),
        ("viewer", "revoke-token", 403),
        ("admin", "revoke-token", 403),
        ("admin", "freeze", 303),
        ("finance", "revoke-token", 303),
    ],
)
def test_only_roles_that_may_act_do(console: Console, agent: str, role: str, path: str, status: int) -> None:
    seat = console.operator(role)  # type: ignore[arg-type]

    assert seat.send(f"/console/agents/{agent}/{path}", reason=STOLEN).status_code == status

    if status == 403:
        assert last_audit(console.sessions).outcome == "refused"
        assert 'method="post" action="/console/agents' not in seat.page(f"/console/agents/{agent}/tokens")


def test_an_action_without_the_sessions_own_form_is_refused(support: Seat, agent: str) -> None:
    path = f"/console/agents/{agent}/freeze"

    assert support.http.post(path, data={"reason": STOLEN}).status_code == 403


def test_tokens_and_hashes_are_never_told(console: Console, support: Seat) -> None:
    agent, token = console.agent()
    with console.sessions() as session:
        kept: bytes = session.connection().execute(text("SELECT token_hash FROM agent_token")).scalar_one()

    path = f"/console/agents/{agent}/tokens"
    told = support.page(path) + str(support.json(path))

    for secret in (token, kept.hex(), str(kept), "token_hash"):
        assert secret not in told


def test_what_an_agent_says_of_itself_is_text_and_nothing_else(console: Console, support: Seat) -> None:
    agent, _ = console.agent(f"painter{SCRIPT}")
    do(console, grant("g", 100, agent=agent), hold("h", 2, agent=agent, job=SCRIPT, minutes=10**6))
    support.act(f"/console/agents/{agent}/freeze", reason=SCRIPT)

    for part in ("", *(f"/{agent}/{each}".rstrip("/") for each in ("", *PARTS, "lots/1"))):
        page = support.page(f"/console/agents{part}")
        assert SCRIPT not in page, part
        assert "&lt;script&gt;" in page, part


def test_a_statement_goes_from_opening_to_closing_page_by_page(
    console: Console, support: Seat, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LINES", 2)
    do(console, grant("g", 100, agent=agent), *(debit(f"d{n}", 1, agent=agent) for n in range(4)))

    told: list[Json] = []
    cursors: list[str] = [""]
    while len(told) < len(cursors):
        page = support.json(f"/console/agents/{agent}/statement", after=cursors[-1])
        told.append(page["statement"])
        cursors += [page["next"]] if page["next"] else []

    assert [len(each["lines"]) for each in told] == [2, 2, 1]
    assert [each["opening"]["units"] for each in told] == [0, 99, 97]
    assert [each["closing"]["units"] for each in told] == [99, 97, 96]
    assert {each["period_closing"]["units"] for each in told} == {96}
    period = {"since": "2026-01-01", "until": "2999-01-01"}
    assert "Opening" in support.page(f"/console/agents/{agent}/statement", **period)
    assert "Brought forward" in support.page(f"/console/agents/{agent}/statement", after=cursors[1], **period)


def test_a_lot_tells_what_its_credits_were_used_for(console: Console, support: Seat, agent: str) -> None:
    do(console, grant("g", 100, cents=90, agent=agent), debit("d", 3, agent=agent))
    [lot] = support.json(f"/console/agents/{agent}/lots")["lots"]

    told = support.json(f"/console/agents/{agent}/lots/{lot['lot_id']}")

    assert [(each["what"], each["credits"]["units"], each["job"]) for each in told["changes"]] == [
        ("spent", -3, "job of d"),
        ("granted", 100, None),
    ]
    assert (lot["left"]["units"], lot["paid"]["units"]) == (97, 90)
    other, _ = console.agent("other")
    assert support.get(f"/console/agents/{other}/lots/{lot['lot_id']}").status_code == 404


def test_a_note_about_an_agent_stands_on_its_page(console: Console, support: Seat, agent: str) -> None:
    support.send("/console/notes", about_kind="agent", about_id=agent, said=f"called its owner {SCRIPT}")

    page = support.page(f"/console/agents/{agent}")
    [note] = support.json(f"/console/agents/{agent}")["notes"]

    assert ("called its owner &lt;script&gt;" in page, SCRIPT in page) == (True, False)
    assert note["author"] == "operator:support@example.com"
    assert (
        console.operator("viewer")
        .send("/console/notes", about_kind="agent", about_id=agent, said="hello")
        .status_code
        == 403
    )


def test_an_adjustment_is_proposed_by_who_may(console: Console, support: Seat, agent: str) -> None:
    link = f"/console/proposals/new?kind=adjustment&amp;agent_id={agent}"

    assert link not in support.page(f"/console/agents/{agent}")
    assert link in console.operator("finance").page(f"/console/agents/{agent}")


@pytest.fixture
def statements(engine: Engine) -> Iterator[list[str]]:
    """Every statement that the house sends to its database."""
    sent: list[str] = []

    def keep(_c: object, _x: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", keep)
    yield sent
    event.remove(engine, "before_cursor_execute", keep)


def test_a_page_asks_the_database_as_often_whatever_it_shows(
    console: Console, support: Seat, agent: str, statements: list[str]
) -> None:
    """The list, lots, holds, statement and the rest: one line or fifty, the same number of statements."""
    paths = ["/console/agents", *(f"/console/agents/{agent}/{each}" for each in ("", *PARTS, "lots/1"))]

    def counted() -> dict[str, int]:
        counts = {}
        for path in paths:
            statements.clear()
            support.page(path.rstrip("/"))
            # Which rails are switched on is read anew when a second has gone by.
            counts[path] = sum("rail_switch" not in each for each in statements)
        return counts

    do(console, grant("g", 1000, agent=agent), hold("h", 1, agent=agent, minutes=10**6))
    few = counted()
    for number in range(60):
        console.agent(f"other {number}")
    more = [hold(f"h{n}", 1, agent=agent, minutes=10**6) for n in range(60)]
    do(console, *(grant(f"g{n}", 10, agent=agent) for n in range(60)), *more)

    assert counted() == few
    assert max(few.values()) <= 12


def test_every_page_of_an_agent_has_a_title_of_its_own(support: Seat, agent: str) -> None:
    parts = ("", "/lots", "/holds", "/statement", "/activity", "/purchases", "/freezes", "/tokens", "/claims")
    pages = [support.page(f"/console/agents/{agent}{part}") for part in parts]

    titles = [page[page.index("<title>") : page.index("</title>")] for page in pages]
    assert len(set(titles)) == len(parts)
    assert all(f": {part[1:]} ·" in title for part, title in zip(parts, titles, strict=True) if part)
