"""The address of a payment page, through every door that tells it: not a byte may change on the way."""

import json

import pytest

from rails.rail import HostedPage, Opened, Order
from tests.mcp.conftest import Tools, text

# What a form, a log, a template or a markdown renderer would quote again.
NASTY = (
    "fid|{'a^b'}%2F%7c+\\~end",
    "fidkdWxOYHwnPyd1blppbHNgWjA0SWs%2FJ2hsYXYnP34nYnBsYSc%2FJ2Z3ZG5gJyl4JSUl",
    "fid=1&amp;b=%26%23x27;<&>",
    "fid[a](b)*c*_d_`e`",
    "fid%%25%252F+%20 +",
    "fid#second#third?x=#",
    "fid${a}{{b}}$(c)",
)


@pytest.mark.parametrize("fragment", NASTY)
def test_the_address_is_told_byte_for_byte_by_the_api_the_short_link_and_the_tools(
    tools: Tools, fragment: str
) -> None:
    url = f"https://checkout.stripe.invalid/c/pay/cs_test_a1?x=%2f#{fragment}"

    def opening(order: Order) -> Opened:
        return Opened(f"cs_test_{order.payment_attempt_id}", HostedPage(url))

    tools.doors.page.opening = opening
    agent = tools.doors.agent()
    bought = agent.buy(agent.quote(payment_method="fake_page"))

    seen = agent.status(payment_attempt_id=bought["payment_attempt_id"])
    redirect = tools.doors.http.get(f"/pay/{bought['payment_attempt_id']}")
    by_tool = tools.call("get_status", agent.token, payment_attempt_id=bought["payment_attempt_id"])

    assert bought["checkout_url"] == url
    assert seen["payment_attempt"]["checkout_url"] == url
    assert (b"location", url.encode()) in [(name.lower(), value) for name, value in redirect.headers.raw]
    assert by_tool.structured_content is not None
    assert by_tool.structured_content["data"]["payment_attempt"]["checkout_url"] == url
    assert json.dumps(url, ensure_ascii=False) in text(by_tool)
