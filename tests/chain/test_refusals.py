"""What nodes and providers say when they refuse, in their own words, and what it means."""

import pytest

from rails.chain import errors, refusals

WORDS: dict[str, type[errors.RpcError]] = {
    "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no"
    " limit on the response size. This block range should work: [0x1, 0x2]": errors.RangeTooLarge,
    "You can make eth_getLogs requests with up to a 500 block range": errors.RangeTooLarge,
    "eth_getLogs is limited to a 10,000 range": errors.RangeTooLarge,
    "eth_getLogs is limited to a 10,000 blocks range": errors.RangeTooLarge,
    "query returned more than 10000 results. Try with this block range [0x1, 0x2].": errors.RangeTooLarge,
    "block range too large": errors.RangeTooLarge,
    "backend response too large": errors.RangeTooLarge,
    "please limit the query to at most 1000 blocks": errors.RangeTooLarge,
    "query exceeds max block range 100000": errors.RangeTooLarge,
    "query exceeds max results 20000, retry with the range 1-2": errors.RangeTooLarge,
    "Response is too big": errors.RangeTooLarge,
    "block range is too wide": errors.RangeTooLarge,
    "maximum block range: 50000": errors.RangeTooLarge,
    "Block range limit exceeded.": errors.RangeTooLarge,
    "This query contains 5006 filters. The current limit is 5000.": errors.TooManyAddresses,
    "exceed max addresses or topics per search position": errors.TooManyAddresses,
    "query exceeds the maximum of 1000 addresses or topics per search position": errors.TooManyAddresses,
    "Request body size limit reached": errors.TooManyAddresses,
    "block range extends beyond current head block: requested 10, head 9": errors.NodeLags,
    "header not found": errors.NodeLags,
    "unknown block": errors.NodeLags,
    "BlockOutOfRangeError: block height is 9 but requested was 10": errors.NodeLags,
    "limit exceeded": errors.RateLimited,
    "Too Many Requests": errors.RateLimited,
    "over rate limit": errors.RateLimited,
    "no backend is currently healthy to serve traffic": errors.RpcUnreachable,
    "invalid block range params": errors.RpcRefused,
    "the method eth_foo does not exist": errors.RpcRefused,
}


@pytest.mark.parametrize("words", WORDS)
def test_the_words_of_a_refusal_decide_and_not_its_code(words: str) -> None:
    meanings = {type(refusals.classify(words, code=code)) for code in (None, -32602, -32000)}

    assert meanings == {WORDS[words]}


def test_the_same_code_is_a_rate_limit_where_the_words_say_nothing_else() -> None:
    assert type(refusals.classify("request refused", code=-32005)) is errors.RateLimited


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_broken_server_is_unreachable(status: int) -> None:
    assert type(refusals.classify("oops", status=status)) is errors.RpcUnreachable


@pytest.mark.parametrize("header", ["soon", "", "-1", "Sat, 01 Aug 2026"])
def test_a_pause_that_cannot_be_read_is_no_pause(header: str) -> None:
    assert refusals.pause(header, date=None) is None
