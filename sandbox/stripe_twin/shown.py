"""Objects as a caller sees them: preview fields on preview versions only, linked objects on demand."""

import json

from sandbox.stripe_twin import session_amounts
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.versions import Version
from sandbox.stripe_twin.world import World

LINKS = {
    ("payment_intent", "latest_charge"): "charge",
    ("charge", "payment_intent"): "payment_intent",
    ("checkout.session", "payment_intent"): "payment_intent",
    ("charge", "balance_transaction"): "balance_transaction",
    ("refund", "balance_transaction"): "balance_transaction",
    ("refund", "failure_balance_transaction"): "balance_transaction",
    ("refund", "charge"): "charge",
    ("refund", "payment_intent"): "payment_intent",
    ("dispute", "charge"): "charge",
    ("dispute", "payment_intent"): "payment_intent",
    ("radar.early_fraud_warning", "charge"): "charge",
    ("radar.early_fraud_warning", "payment_intent"): "payment_intent",
    ("payout", "balance_transaction"): "balance_transaction",
    ("payout", "failure_balance_transaction"): "balance_transaction",
}
SOURCES = {"ch": "charge", "py": "charge", "re": "refund", "pyr": "refund", "du": "dispute", "po": "payout"}
# What the twin must know of an object that Stripe does not show on it.
HIDDEN = {"refund": ("livemode",), "balance_transaction": ("livemode", "payout")}


def to_call(world: World, call: Call, document: Document, expand: list[str]) -> Document:
    """The object as this call asked to see it.

    raises: InvalidRequest if something cannot be expanded
    """
    answer = to_version(document, call.version)
    for path in expand:
        expand_path(world, call, answer, path)
    return answer


def to_version(document: Document, version: Version) -> Document:
    """A copy of the object without what this version does not know.

    Whether Stripe shows preview fields on other versions is not documented: nobody should rely on it.
    """
    # A copy by way of JSON takes half as long as copy.deepcopy.
    answer: Document = json.loads(json.dumps(document))
    if document["object"] == "list":
        answer["data"] = [to_version(item, version) for item in document["data"]]
    for name in HIDDEN.get(document["object"], ()):
        answer.pop(name, None)
    if document["object"] == "payment_intent" and not version.is_preview:
        answer["payment_method_options"].get("crypto", {}).pop("mode", None)
        answer["payment_method_options"].get("crypto", {}).pop("deposit_options", None)
        answer["payment_method_options"].get("crypto", {}).pop("transaction_verification_options", None)
        if answer["next_action"] is not None:
            answer["next_action"].pop("crypto_display_details", None)
    return answer


def expand_path(world: World, call: Call, document: Document, path: str) -> None:
    """Put the linked object in the place of its id, along a dotted path."""
    head, _, rest = path.partition(".")
    if document["object"] == "list":
        if head != "data" or not rest:
            raise InvalidRequest(f"This property cannot be expanded ({path}).", param="expand")
        for item in document["data"]:
            expand_path(world, call, item, rest)
        return
    if (document["object"], head) == ("checkout.session", "line_items"):
        page = world.store.get("checkout_page", document["id"])
        assert page is not None, "every session has its page"
        document["line_items"] = page["line_items"]
        return
    if (document["object"], path) == ("checkout.session", "total_details.breakdown"):
        page = world.store.get("checkout_page", document["id"])
        assert page is not None, "every session has its page"
        document["total_details"]["breakdown"] = session_amounts.breakdown(document, page)
        return
    kind = kind_of_link(document, head)
    linked = document[head]
    if linked is None:
        return
    if isinstance(linked, str):
        linked = to_version(world.existing(kind, linked, livemode=call.livemode), call.version)
        document[head] = linked
    if rest:
        expand_path(world, call, linked, rest)


def kind_of_link(document: Document, name: str) -> str:
    """What kind of object the field names.

    raises: InvalidRequest if it names none
    """
    kind = LINKS.get((document["object"], name))
    if (document["object"], name) == ("balance_transaction", "source"):
        kind = SOURCES.get(str(document["source"]).partition("_")[0], "charge")
    if kind is None:
        raise InvalidRequest(f"This property cannot be expanded ({name}).", param="expand")
    return kind
