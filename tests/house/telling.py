"""What rules and dashboards ask Prometheus for, and what a scrape holds."""

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
BOARD = ROOT / "deploy" / "grafana" / "pennyrail.json"
# Written by Prometheus itself.
_ITS_OWN = {"up"}
_NAME = re.compile(r"\b(?:pennyrail[a-z0-9_:]*|up)\b(?!\")")
_LABELS = re.compile(r"\{[^}]*\}|\b(?:by|ignoring|on)\s*\([^)]*\)")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


@cache
def rules() -> list[dict[str, Any]]:
    """Every rule, recording ones and alerts."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@cache
def board() -> dict[str, Any]:
    """The dashboard."""
    read: dict[str, Any] = json.loads(BOARD.read_text())
    return read


def expressions() -> list[str]:
    """Everything that is asked of Prometheus."""
    panels = [panel for panel in board()["panels"] if panel["type"] != "row"]
    return [
        *(rule["expr"] for rule in rules()),
        *(target["expr"] for panel in panels for target in panel["targets"]),
    ]


def names(expression: str) -> set[str]:
    """The series that an expression reads."""
    return set(_NAME.findall(_LABELS.sub(" ", _STRING.sub('""', expression))))


def recorded() -> set[str]:
    """The series that rules make."""
    return {rule["record"] for rule in rules() if "record" in rule}


def asked_for() -> set[str]:
    """The series that processes must tell of."""
    return {name for each in expressions() for name in names(each)} - recorded() - _ITS_OWN


def measured(scrapes: Iterable[str]) -> set[str]:
    """The series that are there, or will be once something of their sort happens."""
    found: set[str] = set()
    for scrape in scrapes:
        for family in text_string_to_metric_families(scrape):
            found |= {sample.name for sample in family.samples}
            if family.type == "counter":
                found.add(f"{family.name}_total")
            if family.type == "histogram":
                found |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
    return found
