"""From the bare address to credits: every address, path and command that a stranger is told exists."""

import re

import httpx
import pytest

from app.commands import LABELS, Commands
from app.discovery import entry
from ledger.database import Sessions
from tests.app.conftest import Doors, Json, ok, opened, settings

PAGES = ["/llms.txt", "/skill.md"]
DOCUMENTS = [*PAGES, "/openapi.json", "/.well-known/api-catalog", "/robots.txt"]


def test_the_bare_address_names_every_address_that_a_stranger_needs(doors: Doors) -> None:
    data = ok(doors.visitor().get("/"))

    described = doors.http.get("/openapi.json").json()["paths"]
    paths = [path for path in data["endpoints"].values() if isinstance(path, str)]
    assert {*paths, *data["endpoints"]["buy"].values()} <= set(described)
    assert data["endpoints"]["buy"] == {
        method["method_id"]: method["purchase_endpoint"]
        for method in ok(doors.visitor().get("/v1/payment-methods"))["methods"]
    }
    for address in data["documents"].values():
        path = address.removeprefix("https://pennyrail.example")
        answered = 405 if path == "/mcp" else 200
        assert address == "https://docs.example" or doors.http.get(path).status_code == answered, address


def test_the_steps_lead_from_nothing_to_the_status_of_a_purchase(doors: Doors) -> None:
    steps = ok(doors.visitor().get("/"))["steps"]

    described = doors.http.get("/openapi.json").json()["paths"]
    assert [step["step"] for step in steps] == [
        "sign_up",
        "inspect_methods",
        "quote",
        "buy",
        "read_status_until_terminal",
        "read_balance",
    ]
    for step in steps:
        assert step["method"].lower() in described[step["path"]], step


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json", False),
        ("*/*", False),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=nonsense", False),
        ("", False),
    ],
)
def test_only_a_browser_gets_a_page(doors: Doors, accept: str, page: bool) -> None:
    reply = doors.http.get("/", headers={"accept": accept})

    assert reply.headers["content-type"].startswith("text/html" if page else "application/json")
    assert "accept" in reply.headers["vary"]


def test_the_page_is_named_once(doors: Doors) -> None:
    page = doors.http.get("/", headers={"accept": "text/html"})

    assert "<title>Pennyrail</title>" in page.text


def test_the_page_says_what_the_json_says_and_runs_nothing(doors: Doors) -> None:
    data = ok(doors.visitor().get("/"))

    page = doors.http.get("/", headers={"accept": "text/html"})

    told = [*data["documents"].values(), *data["endpoints"]["buy"].values(), data["endpoints"]["signup"]]
    assert [text for text in told if text not in page.text] == []
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/.well-known/api-catalog"])
def test_the_descriptions_are_found_by_their_link_headers(doors: Doors, path: str) -> None:
    reply = doors.http.get(path)

    links = {found["rel"]: found["url"] for found in reply.links.values()}
    assert links == {
        "service-desc": "/openapi.json",
        "service-doc": "/llms.txt",
        "api-catalog": "/.well-known/api-catalog",
    }
    assert [doors.http.get(url).status_code for url in links.values()] == [200, 200, 200]


@pytest.mark.parametrize("path", ["/", *DOCUMENTS])
def test_a_document_is_there_for_who_asks_only_for_its_head(doors: Doors, path: str) -> None:
    head, whole = doors.http.head(path), doors.http.get(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("path", ["/", *PAGES])
def test_no_page_suggests_to_sign_up_with_a_contact(doors: Doors, path: str) -> None:
    text = doors.http.get(path).text

    assert "pennyrail signup --agent --agent-name my-agent --runtime my-runtime --json" in text
    assert "AGENT_CONTACT" not in text


def test_the_skill_warns_of_a_contact_that_others_know(doors: Doors) -> None:
    text = " ".join(doors.http.get("/skill.md").text.split())

    assert "whoever signs up with the same contact and name gets this agent's token" in text


@pytest.mark.parametrize("path", PAGES)
def test_every_path_on_a_page_is_one_of_the_document(doors: Doors, path: str) -> None:
    text = doors.http.get(path).text.replace("https://pennyrail.example", "")

    described = doors.http.get("/openapi.json").json()["paths"]
    named = {
        found.partition("?")[0].rstrip(".,")
        for found in re.findall(r"(?<![\w.])/(?:v1|\.well-known|[a-z]+\.(?:md|txt|json))[\w/.{}?=-]*", text)
    }
    assert len(named) >= 5
    assert named <= set(described)


@pytest.mark.parametrize("path", PAGES)
def test_every_command_on_a_page_is_one_of_the_client_s(doors: Doors, path: str) -> None:
    text = doors.http.get(path).text

    commands = re.findall(r"^\s*`?(pennyrail [^`\n]+?)`?$", text, re.MULTILINE)
    known = {*LABELS.values(), "credits buy"}
    assert len(commands) >= 6
    for command in commands:
        assert any(command.startswith(f"pennyrail {words} ") for words in known), command
        assert command.endswith(" --json")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leaves_no_word_to_be_filled_in_and_is_short(doors: Doors, path: str) -> None:
    text = doors.http.get(path).text

    assert re.findall(r"\$(?!TOKEN)", text) == []
    assert "https://pennyrail.example/" in text
    assert len(text.splitlines()) < (60 if path == "/llms.txt" else 120)


@pytest.mark.parametrize("path", [*PAGES, "/"])
def test_a_closed_rail_is_advertised_nowhere(doors: Doors, path: str) -> None:
    before = doors.http.get(path).text
    doors.deposit.unavailable_reason = "closed_for_today"

    after = doors.http.get(path).text

    assert "fake_deposit" in before
    assert "fake_deposit" not in after
    assert "fake_page" in after


def test_with_every_rail_closed_the_pages_say_that_nothing_can_be_bought(doors: Doors) -> None:
    doors.page.unavailable_reason = doors.deposit.unavailable_reason = "closed_for_today"

    data = ok(doors.visitor().get("/"))

    assert (data["payment_methods"], data["endpoints"]["buy"]) == ([], {})
    assert "nothing can be bought now" in doors.http.get("/llms.txt").text


def test_another_client_and_a_contact_are_told_where_they_are_set(sessions: Sessions) -> None:
    changed = settings(client_command="image-skill", security_contact="mailto:security@pennyrail.example")

    with opened(sessions, changed) as house:
        page = house.http.get("/llms.txt").text
        contact = house.http.get("/.well-known/security.txt")
        data = ok(house.visitor().get("/"))

    assert Commands("image-skill").quota() in page
    assert "pennyrail usage" not in page
    assert contact.text.splitlines() == [
        "Contact: mailto:security@pennyrail.example",
        "Expires: 2027-05-20T00:00:00Z",
        "Preferred-Languages: en",
        "Canonical: https://pennyrail.example/.well-known/security.txt",
    ]
    assert data["documents"]["security"] == "https://pennyrail.example/.well-known/security.txt"


def test_without_a_contact_nobody_is_named(doors: Doors) -> None:
    visitor = doors.visitor()

    refused = visitor.get("/.well-known/security.txt")

    assert refused["error"]["code"] == "NOT_FOUND"
    assert "security" not in ok(visitor.get("/"))["documents"]


def test_a_contact_that_nobody_could_reach_refuses_to_start() -> None:
    with pytest.raises(ValueError, match="security_contact"):
        settings(security_contact="security at example")


def test_the_catalogue_of_apis_points_to_descriptions_and_health(doors: Doors) -> None:
    reply = doors.http.get("/.well-known/api-catalog")

    [described, tools] = reply.json()["linkset"]
    assert reply.headers["content-type"].startswith("application/linkset+json")
    assert described["anchor"] == "https://pennyrail.example/"
    assert tools["anchor"] == "https://pennyrail.example/mcp"
    for relation in ("service-desc", "service-doc", "status"):
        for link in described[relation]:
            found = doors.http.get(link["href"].removeprefix("https://pennyrail.example"))
            assert found.headers["content-type"].startswith(link["type"]), link


def test_crawlers_stay_away_from_the_links_of_payments(doors: Doors) -> None:
    assert "Disallow: /pay/" in doors.http.get("/robots.txt").text


def test_the_tools_are_named_wherever_a_stranger_looks(doors: Doors) -> None:
    data = ok(doors.visitor().get("/"))

    assert data["documents"]["mcp"] == "https://pennyrail.example/mcp"
    assert "https://pennyrail.example/mcp" in doors.http.get("/llms.txt").text


def requests_of(page: str) -> list[tuple[str, str]]:
    """The body and the address of every request that the page shows whole."""
    joined = page.replace("\\\n", " ")
    return [(path, body) for path, body in re.findall(r"curl -s \S+?example(/\S+) .*?-d '(\{.*?\})'", joined)]


def test_the_requests_of_the_skill_work_as_they_stand(doors: Doors) -> None:
    def send(path: str, body: str, **headers: str) -> Json:
        headers = {"content-type": "application/json", **headers}
        return ok(doors.visitor().envelope(doors.http.post(path, content=body, headers=headers)))

    [signup, quote, buy] = requests_of(doors.http.get("/skill.md").text)
    known = {"authorization": f"Bearer {send(*signup)['token']}"}
    quoted = send(*quote, **known)
    bought = send(buy[0], buy[1].replace("QUOTE_ID", quoted["quote_id"]), **known)

    assert bought["state"] == "action_required"
    assert bought["stripe_x402"]["payable_instructions"]["token_amount"] == "5.00"


def test_every_fixed_address_of_the_entry_is_served(doors: Doors) -> None:
    fixed = (entry.OPENAPI, entry.LLMS, entry.SKILL, entry.CATALOG, entry.ROBOTS, entry.HEALTH)

    replies: list[httpx.Response] = [doors.http.get(path) for path in fixed]

    assert [reply.status_code for reply in replies] == [200] * len(fixed)
    assert all(reply.headers["x-image-skill-exit-code"] == "0" for reply in replies)
