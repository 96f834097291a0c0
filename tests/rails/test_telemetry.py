"""Traces, lines and measures of a process, one by one."""

import asyncio
import json
import logging
import sys
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from rails.telemetry import lines, measures, spans, trace
from rails.telemetry.lines import JsonLines, Redactor, TextLines

GOOD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FORGED = 'quiet\r\n{"level": "CRITICAL"}\x1b[2J\u2028\u202eend'


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("pennyrail.test", logging.INFO, "x.py", 1, message, arguments, None)
    vars(made).update(more)
    return made


def test_a_callers_trace_goes_on() -> None:
    found = trace.read(GOOD)

    assert found is not None
    assert (found.trace_id, found.span_id) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert found.header == GOOD
    assert found.has_parent


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00",
        GOOD.upper(),
        GOOD[:-1],
        f"{GOOD}-more",
        f"ff{GOOD[2:]}",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        GOOD.replace("0af", "0a\u0665"),
        f"{GOOD}\nforged: line",
    ],
)
def test_what_is_no_trace_is_no_trace(header: str | None) -> None:
    assert trace.read(header) is None


def test_a_later_version_may_say_more() -> None:
    found = trace.read(f"01{GOOD[2:]}-what-comes-later")

    assert found is not None
    assert found.header == GOOD


@given(st.text())
def test_no_header_breaks_the_reader(header: str) -> None:
    found = trace.read(header)

    assert found is None or trace.read(found.header) == found


def test_a_story_ends_with_its_block_and_takes_its_names_along() -> None:
    first, second = trace.fresh(), trace.fresh()

    with trace.within(first, request_id="trace_1"):
        trace.name(agent_id="agent_1")
        with trace.within(second):
            trace.name(payment_attempt_id="payatt_1")
            inside = dict(trace.named())
        outside = dict(trace.named())

    names = {"request_id": "trace_1", "agent_id": "agent_1"}
    assert inside == {"trace_id": second.trace_id, **names, "payment_attempt_id": "payatt_1"}
    assert outside == {"trace_id": first.trace_id, **names}
    assert (trace.current(), trace.headers()) == (None, {})


def test_a_story_that_was_written_down_goes_on_under_its_id() -> None:
    assert trace.of("ab" * 16).trace_id == "ab" * 16
    assert not trace.of("ab" * 16).has_parent
    assert trace.of("not an id").trace_id != "not an id"
    assert trace.of(None) != trace.of(None)


def test_a_json_line_tells_who_what_and_where() -> None:
    story = trace.fresh()

    with trace.within(story, request_id="trace_1"):
        line = JsonLines(Redactor()).format(record("%s is done", "it", fields={"status": 200}))

    told = json.loads(line)
    assert told["time"].endswith("Z")
    del told["time"]
    assert told == {
        "level": "INFO",
        "logger": "pennyrail.test",
        "message": "it is done",
        "trace_id": story.trace_id,
        "request_id": "trace_1",
        "status": 200,
    }


@pytest.mark.parametrize("form", [JsonLines, TextLines])
def test_nobody_forges_a_line(form: type[JsonLines] | type[TextLines]) -> None:
    line = form(Redactor()).format(record("said %s", FORGED, frames=f"one\n{FORGED}"))

    first, *others = line.split("\n")
    assert "CRITICAL" in first
    assert first.isprintable()
    assert all(each.startswith("    ") and each.isprintable() for each in others)


@pytest.mark.parametrize("form", [JsonLines, TextLines])
def test_settings_secrets_are_taken_out_of_message_fields_and_exceptions(
    form: type[JsonLines] | type[TextLines],
) -> None:
    secret = "correct-horse.battery"
    try:
        raise ValueError(f"wrong: {secret}")
    except ValueError:
        broken = sys.exc_info()
    made = record("asked with %s", secret, fields={"with": secret}, exc_info=broken)

    with trace.within(trace.fresh(), note=secret):
        line = form(Redactor([secret, "ab"])).format(made)

    assert "ValueError" in line
    assert secret not in line
    assert "about" in form(Redactor(["ab"])).format(record("about"))


@pytest.mark.parametrize("form", [JsonLines, TextLines])
def test_only_a_record_of_closed_sets_is_not_searched_and_what_its_story_names_is(
    form: type[JsonLines] | type[TextLines],
) -> None:
    searched: list[str] = []

    def search(text: str) -> str:
        searched.append(text)
        return text

    told = Redactor(mask=search)
    with trace.within(trace.fresh(), agent_id="agt_1"):
        form(told).format(record("GET /v1/quota", fields={"route": "/v1/quota"}, **{lines.CLOSED: True}))
    assert searched == ["agt_1"]
    form(told).format(record("said by others"))
    assert searched == ["agt_1", "said by others"]


class Written:
    """A stream that remembers every write."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)

    def flush(self) -> None:
        pass


def test_a_turn_of_an_event_loop_is_one_write_and_nobody_worse_or_elsewhere_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, there = logging.getLogger(), Written()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(sys, "stderr", there)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    lines.configure()
    log = logging.getLogger("pennyrail.test")

    def texts() -> list[list[str]]:
        return [[each.rpartition(" ")[2] for each in write.splitlines()] for write in there.writes]

    async def talk() -> None:
        log.info("one")
        log.info("two")
        assert texts() == []
        await asyncio.sleep(0)
        assert texts() == [["one", "two"]]
        log.info("three")
        log.error("four")
        assert texts()[1:] == [["three", "four"]]
        log.info("five")
        elsewhere = Thread(target=log.info, args=("six",))
        elsewhere.start()
        elsewhere.join()
        assert texts()[2:] == [["five", "six"]]
        log.info("seven")

    asyncio.run(talk())
    log.info("eight")

    assert texts()[3:] == [["seven"], ["eight"]]


def test_a_message_whose_arguments_do_not_fit_is_told_all_the_same() -> None:
    assert "%s and %s" in TextLines(Redactor()).format(record("%s and %s", "one"))


def test_without_a_listener_a_span_is_nothing() -> None:
    with spans.span("x") as tell:
        tell({"status": 200})

        assert trace.current() is None


def test_a_call_is_timed_by_what_came_of_it() -> None:
    def count(outcome: str) -> float:
        labels = {"of": "nobody", "call": "ask", "outcome": outcome}
        return REGISTRY.get_sample_value("pennyrail_call_seconds_count", labels) or 0

    with measures.call("nobody", "ask"):
        pass
    with pytest.raises(TimeoutError), measures.call("nobody", "ask"):
        raise TimeoutError

    assert (count("ok"), count("TimeoutError"), count("ValueError")) == (1, 1, 0)


def test_what_nobody_catches_is_logged_without_its_secret(capsys: pytest.CaptureFixture[str]) -> None:
    before = (logging.getLogger().handlers[:], logging.getLogger().level, sys.excepthook)
    try:
        lines.configure("json", secrets=["correct-horse.battery"])
        error = RuntimeError("correct-horse.battery")
        sys.excepthook(RuntimeError, error, None)
    finally:
        logging.captureWarnings(False)
        root = logging.getLogger()
        root.handlers[:], sys.excepthook = before[0], before[2]
        root.setLevel(before[1])

    told = json.loads(capsys.readouterr().err)
    assert told["level"] == "CRITICAL"
    assert told["exception"].endswith("RuntimeError: [redacted]\n")
