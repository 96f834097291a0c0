"""docs/stripe-twin.md: its example runs, and its verbs are those of the control."""

import inspect
import re
from pathlib import Path
from typing import Any

from sandbox.stripe_twin import Control
from tests.sandbox import twin_world

PAGE = (twin_world.ROOT / "docs" / "stripe-twin.md").read_text()
SECRET = "whsec_of_the_page"
_COMPLETED = "checkout.session.completed"


def test_the_example_is_paid_and_tells_its_webhooks(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    with twin_world.receiver() as receiver:
        known: dict[str, Any] = {"folder": tmp_path, "url": receiver.url, "secret": SECRET}
        known["told"] = lambda: twin_world.until(lambda: _COMPLETED in receiver.types(SECRET))

        # The twin ends with the block: what it sends is waited for inside.
        exec(compile(f"{example}    told()\n", "docs/stripe-twin.md", "exec"), known)  # noqa: S102

    assert known["paid"].payment_status == "paid"


def test_every_verb_takes_what_the_page_says() -> None:
    table = PAGE.partition("## What people and banks do")[2].partition("\n## ")[0]
    verbs = {
        name: [each.strip() for each in given.split(",")]
        for line in table.splitlines()
        if line.startswith("| `")
        for name, given in re.findall(r"`(\w+)\(([^)]*)\)`", line)
    }

    wrong = {
        name: given
        for name, given in verbs.items()
        if not hasattr(Control, name)
        or not set(given) <= set(inspect.signature(getattr(Control, name)).parameters)
    }

    assert len(verbs) > 10
    assert wrong == {}
