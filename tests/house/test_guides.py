"""The guides for people name only what exists: commands, settings, pages, alerts, files. Others run them."""

import re
import shlex
from enum import Enum
from typing import Any, get_args

import click
import pytest
import typer
import yaml
from fastapi.routing import APIRoute

from app import live, settings
from app.cli import cli
from app.console import routes
from ledger.settings import LedgerSettings
from outbound import vault
from rails.chain.settings import ChainSettings
from rails.reconciliation import matching
from rails.stripe import webhooks
from tests import guides
from tests.guides import ROOT
from tests.house.telling import rules

FIRST = "first-real-purchase"
PATH = re.compile(
    r"`((?:ledger|rails|outbound|office|workers|app|sandbox|tests|bench|docs|deploy)/[\w./-]*)`"
)
VARIABLE = re.compile(r"\b(?:PENNYRAIL|STRIPE|DATABASE|REDIS|POSTGRES|OTEL)_[A-Z_]*[A-Z]\b")
RIGHTS = (
    "write for Checkout Sessions, PaymentIntents and Refunds; read for Charges, Disputes, Events, Balance,"
    " Payouts and Radar's early fraud warnings"
)
# Said of compose's own variables, and of the text that stands in a file otherwise.
BY_COMPOSE = {"DATABASE_URL", "PENNYRAIL_MIGRATE_DATABASE_URL", "REDIS_URL", "PENNYRAIL_RECEIPT_KEY_FILE"}
every_guide = pytest.mark.parametrize("name", guides.NAMES)


def prose(name: str) -> str:
    """A guide without its blocks."""
    return re.sub(r"^```.*?^```$", "", guides.text(name), flags=re.MULTILINE | re.DOTALL)


def spans(name: str) -> list[str]:
    """What stands between backticks, on one line each."""
    return [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", prose(name))]


def commands(name: str) -> list[str]:
    """Every line of a guide's blocks that calls the command."""
    scripts = [line for script in guides.blocks(name, "sh") for line in guides.lines(script)]
    return [line.partition(" > ")[0] for line in scripts if line.startswith("pennyrail ")]


def problem(line: str, *, whole: bool) -> str | None:
    """What is wrong with a command line; if it is not the `whole` of one, it may leave out what it needs."""
    command: Any = typer.main.get_command(cli)
    words = shlex.split(line, comments=True)[1:]
    while words and hasattr(command, "get_command"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"there is no command {words[0]}"
        command, words = found, words[1:]
    if hasattr(command, "get_command"):
        return "not a whole command" if whole else None
    return _of_words(command, words, whole=whole)


def _of_words(command: Any, words: list[str], *, whole: bool) -> str | None:
    options = {flag: each for each in command.params for flag in (*each.opts, *each.secondary_opts)}
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    given, places = set(), 0
    while words:
        flag, equals, value = words.pop(0).partition("=")
        if not flag.startswith("--"):
            places += 1
            continue
        if flag not in options:
            return f"there is no option {flag}"
        given.add(options[flag].name)
        if not options[flag].is_flag and not equals:
            if not words:
                return f"{flag} has no value"
            value = words.pop(0)
        kind = options[flag].type_descriptor.annotation
        if isinstance(kind, type) and issubclass(kind, Enum) and value not in [each.value for each in kind]:
            return f"{flag} is none of {[each.value for each in kind]}"
    if places > len(arguments):
        return "too many arguments"
    needed = [
        each.name
        for each in command.params
        if each.required and each.name not in given and not getattr(each, "prompt", None)
    ]
    left = [name for name in needed if name not in {each.name for each in arguments[:places]}]
    return f"{', '.join(left)} missing" if whole and left else None


@every_guide
def test_every_command_exists_with_its_options_and_arguments(name: str) -> None:
    blocks = {line: problem(line, whole=True) for line in commands(name)}
    said = {span: problem(span, whole=False) for span in spans(name) if span.startswith("pennyrail ")}

    assert {line: wrong for line, wrong in (blocks | said).items() if wrong} == {}
    assert blocks or said


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pennyrail ledger verifi", "there is no command verifi"),
        ("pennyrail ledger verify --all", "there is no option --all"),
        ("pennyrail ledger", "not a whole command"),
        ("pennyrail ledger verify now", "too many arguments"),
        ("pennyrail purchase show", "payment_attempt_id missing"),
        ("pennyrail refund create X", "reason missing"),
        ("pennyrail inbox ignore X --reason", "--reason has no value"),
        ("pennyrail alive api", None),
        ("pennyrail ops proposals adjustment --direction sideways", "--direction is none of"),
    ],
)
def test_what_is_no_command_is_found(line: str, wrong: str | None) -> None:
    found = problem(line, whole=True)

    assert (found or "").startswith(wrong or "")
    assert (found is None) == (wrong is None)


@every_guide
def test_every_setting_is_in_the_example(name: str) -> None:
    example = (ROOT / ".env.example").read_text()
    known = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))

    assert set(VARIABLE.findall(guides.text(name))) <= known


@every_guide
def test_every_page_of_the_console_exists(name: str) -> None:
    templates = [
        route.path for router in routes.ROUTERS for route in router.routes if isinstance(route, APIRoute)
    ]
    served = [re.compile(re.sub(r"\{[^}]*\}", "[^/]+", each) or "/") for each in templates]

    named = {found.removeprefix("/console") for found in re.findall(r"/console/[\w$/-]*", guides.text(name))}

    assert {
        page for page in named if page != "/" and not any(each.fullmatch(page) for each in served)
    } == set()


@every_guide
def test_every_other_door_exists(name: str) -> None:
    doors = {span for span in spans(name) if re.fullmatch(r"/[a-z0-9/]+", span) and "console" not in span}
    source = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))

    assert {door for door in doors if f'"{door}' not in source} == set()


@every_guide
def test_every_file_and_every_link_exists(name: str) -> None:
    page, gone = guides.text(name), []
    for link, anchor in re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", page):
        target = (guides.FOLDER / link).resolve()
        if not target.is_file() or (anchor and anchor not in _anchors(target.read_text())):
            gone.append(f"{link}#{anchor}")

    assert gone == []
    assert [path for path in PATH.findall(page) if not (ROOT / path).exists()] == []


def _anchors(page: str) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@every_guide
def test_every_alert_and_series_exists(name: str) -> None:
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    series = {each.removesuffix("_total") for each in re.findall(r"\bpennyrail_http[a-z_]+", prose(name))}
    measures = (ROOT / "rails" / "telemetry" / "measures.py").read_text()

    assert set(re.findall(r"\bPennyrail[A-Z]\w+", prose(name))) <= alerts
    assert {each for each in series if f'"{each}"' not in measures} == set()


@every_guide
def test_a_guide_is_short_and_has_no_block_that_nothing_checks(name: str) -> None:
    page = guides.text(name)
    lines = page.splitlines()

    assert len(lines) < 130
    assert [line for line in lines if len(line) > 150 and not line.startswith("|")] == []
    assert {line for line in lines if line.startswith("```")} <= {"```", "```sh", "```ini", "```python"}
    for language, runner in (("sh", "test_guides.py"), ("python", "tests/internal/test_guides.py")):
        assert runner in page or not guides.blocks(name, language)


def test_the_types_of_events_are_those_that_somebody_acts_on() -> None:
    (listen,) = [script for script in guides.blocks(FIRST, "sh") if script.startswith("stripe ")]
    words = shlex.split(listen.replace("\\\n", ""))

    types = words[words.index("--events") + 1].split(",")

    assert sorted(types) == sorted(webhooks.ACTED_ON)


def test_the_rights_of_the_restricted_key_are_those_of_the_security_page() -> None:
    for page in (guides.text(FIRST), (ROOT / "docs" / "security.md").read_text()):
        assert RIGHTS in " ".join(page.split())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of the first guide's file, with secrets where it leaves them out."""
    (block,) = guides.blocks(FIRST, "ini")
    told = dict(line.split("=", 1) for line in block.splitlines())
    secrets = {
        "STRIPE_SECRET_KEY": "rk_test_" + "4f9a2b7c" * 4,
        "STRIPE_WEBHOOK_SECRETS": "whsec_" + "4f9a2b7c1d8e" * 3,
        "PENNYRAIL_CONSOLE_KEYS": vault.new_key(),
    }
    assert {name for name, value in told.items() if value.endswith("...")} == secrets.keys()
    for name, value in (told | secrets).items():
        monkeypatch.setenv(name, value)
    return told | secrets


@pytest.mark.usefixtures("written")
def test_a_process_starts_with_the_settings_of_the_first_guide() -> None:
    settings.require(*settings.OF_A_PROCESS)

    chain = ChainSettings()

    # 84532 is Base Sepolia, and the contract that of its USDC.
    assert (chain.base_chain_id, live.problems(live.given())) == (84532, [])
    assert chain.usdc_address == "0x036cbd53842c5426634e7929541ec2318f3dcf7e"


def test_what_the_first_guide_says_to_change_for_money_is_all_that_is_refused(
    written: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_MODE", "live")
    before = live.problems(live.given())
    money = guides.text(FIRST).partition("## 6. Money")[2]

    for name, value in {
        "STRIPE_SECRET_KEY": written["STRIPE_SECRET_KEY"].replace("test", "live"),
        "PENNYRAIL_BASE_RPC_URL": "https://base.provider.example/key",
        "PENNYRAIL_BASE_RPC_URLS": "https://base.other.example/key",
        "PENNYRAIL_PUBLIC_URL": "https://pay.example.com",
    }.items():
        assert name in money or "rk_live_..." in money
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", LedgerSettings().database_url.replace(":secret@", ":4f9a2b7c@"))
    with_leftovers = live.problems(live.given())
    for name in ("PENNYRAIL_BASE_CHAIN_ID", "PENNYRAIL_USDC_ADDRESS", "PENNYRAIL_CHAIN_DEPTH"):
        assert name in money.partition("- and remove ")[2]
        monkeypatch.delenv(name)
    monkeypatch.delenv("PENNYRAIL_MIGRATE_DATABASE_URL")

    assert "STRIPE_SECRET_KEY: is a test key" in before[0]
    assert {each.partition(":")[0] for each in with_leftovers} == {
        "PENNYRAIL_BASE_CHAIN_ID",
        "PENNYRAIL_USDC_ADDRESS",
        "PENNYRAIL_MIGRATE_DATABASE_URL",
    }
    assert live.problems(live.given()) == []


def test_compose_hands_on_every_setting_of_the_first_guide(written: dict[str, str]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    handed_on = compose["services"]["api"]["environment"]

    assert {
        name for name in written.keys() - BY_COMPOSE if f"${{{name}:" not in handed_on.get(name, "")
    } == set()


def test_the_guide_to_the_month_explains_every_break() -> None:
    table = re.findall(r"^\| (`[^|]*) \|", guides.text("month-end"), re.MULTILINE)

    explained = {state for row in table for state in re.findall(r"`(\w+)`", row)}

    assert set(get_args(matching.State)) - matching.NO_BREAK - {"explained"} <= explained
