"""Providers that take less than they are asked for, in the words of every one of them, before a real node."""

from dataclasses import replace

import pytest

from ledger.database import Sessions
from rails.chain import errors
from rails.chain.scanner import Limits
from sandbox.devnet import Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import Watched, states
from tests.chain.test_refusals import WORDS
from tests.chain.test_scanner import pay, view
from tests.chain.watching import PLAN, watching

LARGE = [words for words, kind in WORDS.items() if kind is errors.RangeTooLarge]
LONG = [words for words, kind in WORDS.items() if kind is errors.TooManyAddresses]
LAGGING = [words for words, kind in WORDS.items() if kind is errors.NodeLags]
PAUSES = [words for words, kind in WORDS.items() if kind is errors.RateLimited]


@pytest.mark.parametrize("words", LARGE)
def test_a_range_refused_in_any_providers_words_is_halved_until_it_is_taken(
    net: Devnet, sessions: Sessions, words: str
) -> None:
    with fault_proxy.before(net.rpc_url) as proxy, watching(sessions, proxy.url) as own:
        pay(net, 1)
        pay(net, 2)
        proxy.spoil("eth_getLogs", faults.refuses_ranges_above(5, words, code=-32005))

        own.read()

    assert [each.amount.units for each in view(sessions)] == [1, 2]


@pytest.mark.parametrize("words", LONG)
def test_a_list_refused_in_any_providers_words_is_halved_until_it_is_taken(
    net: Devnet, sessions: Sessions, words: str
) -> None:
    watch = Watched({f"0x{number:040x}" for number in range(1, 41)})
    with (
        fault_proxy.before(net.rpc_url) as proxy,
        watching(sessions, proxy.url, watch=watch) as own,
    ):
        for address in sorted(watch.listed)[::13]:
            pay(net, to=address)
        proxy.spoil("eth_getLogs", faults.refuses_lists_above(10, words, code=-32602))

        report = own.read()

    assert report is not None
    assert report.new == 4


@pytest.mark.parametrize("words", LAGGING + PAUSES)
def test_a_node_that_lags_or_wants_a_pause_is_neither_halved_nor_skipped(
    net: Devnet, sessions: Sessions, words: str
) -> None:
    with fault_proxy.before(net.rpc_url) as proxy, watching(sessions, proxy.url) as own:
        pay(net)
        proxy.spoil("eth_getLogs", faults.refuses(words, code=-32602), times=1)

        with pytest.raises(errors.NodeLags if words in LAGGING else errors.RateLimited):
            own.read()
        asked = proxy.asked("eth_getLogs")
        own.read()

    assert asked == 1
    assert states(sessions) == ["seen"]


def test_a_range_that_the_provider_suggests_outside_of_ours_is_not_believed(
    net: Devnet, sessions: Sessions
) -> None:
    words = "Log response size exceeded. This block range should work: [0xffff, 0xfffff]"
    with fault_proxy.before(net.rpc_url) as proxy, watching(sessions, proxy.url) as own:
        pay(net, 1)
        pay(net, 2)
        proxy.spoil("eth_getLogs", faults.refuses_ranges_above(3, words))

        own.read()

        ranges = [query(question) for question in proxy.questions if question["method"] == "eth_getLogs"]
    assert max(last for _, last in ranges) == net.head()
    assert [each.amount.units for each in view(sessions)] == [1, 2]


def query(question: dict[str, object]) -> tuple[int, int]:
    parameters = question["params"]
    assert isinstance(parameters, list)
    asked = parameters[0]
    return int(asked["fromBlock"], 16), int(asked["toBlock"], 16)


def test_a_refusal_with_http_400_is_read_before_it_is_judged(net: Devnet, sessions: Sessions) -> None:
    refusal = faults.refuses_ranges_above(5, LARGE[0], status="400 Bad Request")
    with fault_proxy.before(net.rpc_url) as proxy, watching(sessions, proxy.url) as own:
        pay(net)
        proxy.spoil("eth_getLogs", refusal)

        own.read()

    assert states(sessions) == ["seen"]


def test_a_thousand_and_one_addresses_are_asked_for_five_hundred_at_a_time(
    net: Devnet, sessions: Sessions
) -> None:
    watch = Watched({f"0x{number:040x}" for number in range(1, 1_002)})
    plan = replace(PLAN, limits=Limits(bloom_blocks=0))
    with (
        fault_proxy.before(net.rpc_url) as proxy,
        watching(sessions, proxy.url, watch=watch, plan=plan) as own,
    ):
        pay(net, to=max(watch.listed))

        own.read()

        lengths = [
            len(parameters[0]["topics"][2])
            for question in proxy.questions
            if question["method"] == "eth_getLogs" and isinstance(parameters := question["params"], list)
        ]
    assert sorted(lengths) == [1, 500, 500]
    assert states(sessions, max(watch.listed)) == ["seen"]


def test_a_hundred_thousand_addresses_are_one_call_and_none_is_lost(net: Devnet, sessions: Sessions) -> None:
    watch = Watched({f"0x{number:040x}" for number in range(1, 100_001)})
    with (
        fault_proxy.before(net.rpc_url) as proxy,
        watching(sessions, proxy.url, watch=watch) as own,
    ):
        pay(net, to=max(watch.listed))
        pay(net, to=min(watch.listed))

        report = own.read()

        assert proxy.asked("eth_getLogs") == 1
    assert report is not None
    assert report.new == 2


def test_no_address_to_watch_is_no_call_for_logs(net: Devnet, sessions: Sessions) -> None:
    with (
        fault_proxy.before(net.rpc_url) as proxy,
        watching(sessions, proxy.url, watch=Watched(set())) as own,
    ):
        pay(net)

        own.read()

        assert proxy.asked("eth_getLogs") == 0
        assert own.cursor().block_number == net.head()
