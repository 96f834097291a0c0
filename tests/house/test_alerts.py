"""Alerts, dashboard and runbooks hold together: none names what is not there."""

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from app import cli
from tests.house.telling import ROOT, RULES, board, expressions, names, recorded, rules

BOOK = ROOT / "docs" / "runbooks" / "alerts.md"
TESTS = ROOT / "deploy" / "prometheus" / "tests.yml"
ALERTS = [rule for rule in rules() if "alert" in rule]
# Of PromQL, what is used here.
_TOKEN = re.compile(
    r'\s+|\d+[smhd]\b|[0-9.]+(?:e\d+)?|"(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*|\[(?:\d+[smhd]|\$__rate_interval)\]|=~|!~|!='
    r"|<=|>=|==|[-+*/(){},<>=]"
)
_WORDS = {
    *("sum", "rate", "by", "max", "min", "abs", "absent", "increase", "histogram_quantile", "or", "ignoring"),
    *("unless", "offset"),
    *(
        "le",
        "route",
        "rail",
        "of",
        "call",
        "task",
        "status",
        "code",
        "state",
        "unit",
        "what",
        "chain",
        "kind",
    ),
    *("logger", "level", "outcome", "job"),
}
_OPEN = {")": "(", "}": "{"}


def sections() -> dict[str, str]:
    """The runbook of each alert."""
    heads = [*re.finditer(r"^## (\w+)$", BOOK.read_text(), re.MULTILINE)]
    ends = [*(following.start() for _, following in pairwise(heads)), len(BOOK.read_text())]
    return {head[1]: BOOK.read_text()[head.end() : end] for head, end in zip(heads, ends, strict=True)}


def problems(expression: str) -> list[str]:
    """What is wrong with an expression, as far as one can tell without Prometheus."""
    at, stack, found = 0, [], []
    while at < len(expression):
        token = _TOKEN.match(expression, at)
        if token is None:
            return [f"no PromQL from {expression[at:]!r} on"]
        at = token.end()
        word = token[0]
        if word in "({" and word:
            stack.append(word)
        elif word in _OPEN and (not stack or stack.pop() != _OPEN[word]):
            found.append(f"{word} without its beginning")
        elif word[0].isalpha() and word not in _WORDS and word not in names(expression):
            found.append(f"{word} is no function and no label of ours")
    return [*found, *(f"{each} is not closed" for each in stack)]


def test_every_expression_is_promql() -> None:
    assert {each: problems(each) for each in expressions() if problems(each)} == {}
    assert len(expressions()) > 60


@pytest.mark.parametrize(
    "broken", ["sum(rate(x[5m])", "sum by (place) (up)", "up } 1", "up # 1", "up == '1'"]
)
def test_what_is_no_promql_is_found(broken: str) -> None:
    assert problems(broken)


def test_what_is_recorded_is_used_and_what_is_used_is_recorded() -> None:
    used = {name for each in expressions() for name in names(each) if ":" in name}

    assert used == recorded()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    linked = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in ALERTS}

    assert sorted(linked) == sorted(sections())
    assert linked == {name: f"docs/runbooks/alerts.md#{name.lower()}" for name in linked}
    assert {rule["labels"]["severity"] for rule in ALERTS} == {"page", "ticket"}
    for rule in ALERTS:
        assert f"*{rule['labels']['severity']}, " in sections()[rule["alert"]]


def test_every_command_of_the_runbooks_exists() -> None:
    root = typer.main.get_command(cli.cli)
    prose = re.sub(r"```.*?```", "", BOOK.read_text(), flags=re.DOTALL)
    named = {" ".join(each.split()) for each in re.findall(r"`pennyrail\s([^`]+)`", prose)}
    fenced = {line.split(" ", 1)[1] for block in sections().values() for line in _fenced(block)}

    for words in sorted(named | fenced):
        command: Any = root
        for word in words.split():
            if word.isupper() or not hasattr(command, "get_command"):
                break
            found = command.get_command(click.Context(command), word)
            assert found is not None, words
            command = found
        assert not hasattr(command, "get_command"), f"{words} is not a whole command"


def _fenced(section: str) -> list[str]:
    block: str = re.findall(r"```\n(.*?)```", section, re.DOTALL)[0]
    return block.splitlines()


def test_every_series_and_setting_of_the_runbooks_exists() -> None:
    text = BOOK.read_text()
    series = set(
        re.findall(r"\bpennyrail_[a-z_]+(?:_seconds|_total|_count|_connections|_operations|_rate)\b", text)
    )
    settings = set(re.findall(r"\b(?:PENNYRAIL_[A-Z_]+[A-Z]|DATABASE_[A-Z_]+)\b", text))

    assert {
        each for each in series if f'"{each.removesuffix("_total").removesuffix("_count")}"' not in _MEASURES
    } == set()
    example = (ROOT / ".env.example").read_text()
    assert {each for each in settings if each not in example} == set()


_MEASURES = "".join(
    (ROOT / path).read_text()
    for path in ("rails/telemetry/measures.py", "office/measures.py", "app/scrape.py")
)


def test_every_page_of_the_runbooks_is_one_of_the_console() -> None:
    pages = {page.removeprefix("/console") for page in re.findall(r"Console: `([^`]+)`", BOOK.read_text())}
    source = "".join(path.read_text() for path in (ROOT / "app/console/pages").glob("*.py"))

    assert {page for page in pages if f'"{page}"' not in source and page != "/"} == set()
    assert pages


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    panels = board()["panels"]

    assert board()["schemaVersion"] >= 39
    assert {panel["type"] for panel in panels} == {"row", "stat", "timeseries"}
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + right, place["y"] + down)
            for right in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${source}"}
    assert board()["templating"]["list"][0]["name"] == "source"


PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not here: run `make browser`"
)


def promtool(*words: str) -> str:
    """What Prometheus's own tool says of it, which must find nothing wrong."""
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_alert_is_shown_to_ring_and_to_be_silent() -> None:
    shown = [one for each in yaml.safe_load(TESTS.read_text())["tests"] for one in each["alert_rule_test"]]

    assert {one["alertname"] for one in shown if one.get("exp_alerts")} == {rule["alert"] for rule in ALERTS}
    assert {one["alertname"] for one in shown if not one.get("exp_alerts")} == {
        rule["alert"] for rule in ALERTS
    }


@PROMTOOL
def test_the_rules_ring_when_they_should() -> None:
    promtool("test", "rules", str(TESTS))


@PROMTOOL
def test_prometheus_takes_its_configuration_and_every_rule() -> None:
    promtool("check", "config", "--syntax-only", str(RULES.with_name("prometheus.yml")))

    assert f"{len(rules())} rules found" in promtool("check", "rules", str(RULES))


@PROMTOOL
def test_prometheus_takes_every_question_of_the_dashboard(tmp_path: Path) -> None:
    asked = [{"record": f"asked:{at}", "expr": each} for at, each in enumerate(expressions())]
    whole = yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]})
    (tmp_path / "asked.yml").write_text(whole.replace("$__rate_interval", "5m"))

    assert f"{len(asked)} rules found" in promtool("check", "rules", str(tmp_path / "asked.yml"))
