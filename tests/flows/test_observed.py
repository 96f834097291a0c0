"""One purchase, followed through every process: by its lines, its spans and what Prometheus reads."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rails.telemetry import trace
from sandbox import paying
from sandbox.agent import Agent
from sandbox.house import House, answers
from sandbox.wallet import Wallet
from tests.flows.buying import CHECKOUT, X402, buy, deposit_address, succeeded
from tests.flows.otlp import Collected, receiver
from tests.house import telling
from tests.waiting import eventually

PROCESSES = ("api", "worker", "watcher", "beat")


@dataclass
class Observed:
    """The house, with everything that tells of it switched on."""

    home: House
    ports: dict[str, int]
    spans: Collected

    def lines(self, process: str) -> list[dict[str, Any]]:
        """What a process has logged since it was observed."""
        text = (self.home.logs / f"{process}.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith('{"time"')]

    def of(self, trace_id: str, process: str) -> list[dict[str, Any]]:
        """What it has logged in a trace."""
        return [line for line in self.lines(process) if line.get("trace_id") == trace_id]

    def scrape(self, process: str) -> str:
        """What Prometheus reads."""
        url = f"http://127.0.0.1:{self.ports[process]}/metrics"
        return httpx.get(url, timeout=30, trust_env=False).raise_for_status().text

    def value(self, process: str, name: str, **labels: str) -> float:
        """A sample's sum, 0 if it is not there."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.scrape(process))
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest.fixture
def observed(home: House) -> Iterator[Observed]:
    ports = {name: _free_port() for name in PROCESSES}
    with receiver() as spans:
        for name in PROCESSES:
            home.children[name].stop()
            home.start(
                name,
                PENNYRAIL_LOG_FORMAT="json",
                PENNYRAIL_METRICS_PORT=str(ports[name]),
                PENNYRAIL_METRICS_SECONDS="1",
                OTEL_EXPORTER_OTLP_ENDPOINT=spans.url,
                OTEL_BSP_SCHEDULE_DELAY="200",
            )
        eventually(lambda: answers(home.addresses.api_url))
        eventually(lambda: all(" ready." in home.children[name].said() for name in ("worker", "watcher")))
        yield Observed(home, ports, spans)
        for name in PROCESSES:
            home.children[name].stop()
            home.start(name)
        eventually(lambda: answers(home.addresses.api_url))


def test_one_purchase_is_one_trace_in_every_process(observed: Observed, agent: Agent) -> None:
    asked = {rail: trace.fresh() for rail in (X402, CHECKOUT)}
    wallet = Wallet.create(observed.home.addresses.rpc_url)

    bought: dict[tuple[str, str], str] = {}
    for rail, story in asked.items():
        agent._http.headers["traceparent"] = story.header
        attempt = buy(agent, rail) if rail is X402 else _again(agent, rail)
        del agent._http.headers["traceparent"]
        bought[rail] = attempt["payment_attempt_id"]
        if rail is X402:
            wallet.send_usdc(deposit_address(attempt), 5_000_000)
        else:
            paying.press_pay(attempt["checkout_url"])
        agent.wait(attempt["payment_attempt_id"], until=succeeded)

    for rail, story in asked.items():
        doors = [line for line in observed.of(story.trace_id, "api") if line.get("route") == rail[1]]
        assert [line["status"] for line in doors] == [200]
        assert doors[0]["request_id"].startswith("trace_")
        assert doors[0]["agent_id"].startswith("agt_")
        assert doors[0]["payment_attempt_id"] == bought[rail]
        granted = f"{bought[rail]} is succeeded, granted now: True"
        _is_logged(observed, "worker", story, granted)
        _has_spans(observed, story)
    secrets = (agent.token, observed.home.environment["STRIPE_SECRET_KEY"])
    assert not [each for each in secrets if each.encode() in b"".join(observed.spans.raw)]
    seen = f"the chain shows something at the address of {bought[X402]}"
    _is_logged(observed, "watcher", asked[X402], seen)
    _is_told_to_prometheus(observed)


def _again(agent: Agent, rail: tuple[str, str]) -> dict[str, Any]:
    quoted = agent.quote(pack_id="starter-500", method=rail[0], key="quote-2")
    return agent.buy(quoted["quote_id"], endpoint=rail[1], key="buy-2")


def _is_logged(observed: Observed, process: str, story: trace.Trace, message: str) -> None:
    eventually(lambda: message in [line["message"] for line in observed.of(story.trace_id, process)])


def _has_spans(observed: Observed, story: trace.Trace) -> None:
    def steps() -> set[tuple[str, str]]:
        return {(each.service, each.name) for each in observed.spans.of(story.trace_id)}

    eventually(lambda: {("pennyrail-api", "request"), ("pennyrail-worker", "settle")} <= steps())
    assert any(name.endswith(" open") for _, name in steps())
    assert any(name.endswith(" look_up") for _, name in steps())
    # Below the caller's own step.
    assert story.span_id in {each.parent_id for each in observed.spans.of(story.trace_id)}


def _is_told_to_prometheus(observed: Observed) -> None:
    for rail in (X402, CHECKOUT):
        _is_counted(observed, "pennyrail_grant_seconds_count", rail=rail[0])
        route = {"route": rail[1], "method": "POST", "status": "200"}
        assert observed.value("api", "pennyrail_http_requests_total", **route) == 1
    eventually(lambda: observed.value("worker", "pennyrail_tasks_total", outcome="done") > 0)
    eventually(lambda: observed.value("beat", "pennyrail_tasks_sent_total") > 0)
    eventually(lambda: observed.value("api", "pennyrail_outstanding_credits") >= 1000, seconds=90)
    assert observed.value("api", "pennyrail_figures_up") == 1
    public = httpx.get(f"{observed.home.addresses.api_url}/metrics", trust_env=False)
    assert public.status_code == 404
    there = telling.measured(observed.scrape(name) for name in PROCESSES)
    assert telling.asked_for() - there == set()


def _is_counted(observed: Observed, name: str, **labels: str) -> None:
    eventually(lambda: sum(observed.value(each, name, **labels) for each in ("api", "worker")) >= 1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
