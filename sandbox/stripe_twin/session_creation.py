"""What may be asked for when a Checkout Session is created, and the session it becomes."""

from urllib.parse import urlsplit

from sandbox.stripe_twin import identifiers, intent_creation, versions
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest
from sandbox.stripe_twin.parameters import Flag, Group, Listing, Metadata, Shape, Text, Whole, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

LIFETIME_SECONDS_MIN = 30 * 60
LIFETIME_SECONDS_MAX = 24 * 3_600
PRODUCT = Group(
    {
        "name": Text(length_max=5_000),
        "description": Text(),
        "images": Listing(Text()),
        "metadata": Metadata(),
        "tax_code": Text(),
    },
    required=("name",),
)
PRICE = Group(
    {
        "currency": Text(length_max=3),
        "product_data": PRODUCT,
        "tax_behavior": Text(choices=("exclusive", "inclusive", "unspecified")),
        "unit_amount": Whole(minimum=0, maximum=99_999_999),
    },
    required=("currency", "product_data", "unit_amount"),
)
LINE_ITEM = Group(
    {"price_data": PRICE, "quantity": Whole(minimum=1, maximum=999_999)}, required=("price_data", "quantity")
)
FIELDS: dict[str, Shape] = {
    "adaptive_pricing": Group({"enabled": Flag()}),
    "allow_promotion_codes": Flag(),
    "automatic_tax": Group({"enabled": Flag()}),
    "cancel_url": Text(),
    "discounts": Listing(Group({"coupon": Text(), "promotion_code": Text()})),
    "client_reference_id": Text(),
    "customer_email": Text(length_max=800),
    "expand": Listing(Text()),
    "expires_at": Whole(),
    "line_items": Listing(LINE_ITEM),
    "locale": Text(),
    "metadata": Metadata(),
    "mode": Text(choices=("payment", "setup", "subscription")),
    "payment_intent_data": Group({"description": Text(), "metadata": Metadata(), "receipt_email": Text()}),
    "submit_type": Text(choices=("auto", "book", "donate", "pay")),
    "success_url": Text(),
    "ui_mode": Text(choices=("hosted_page", "embedded_page", "elements", "form")),
}
NULL_AT_FIRST = (
    "client_secret",
    "customer",
    "customer_details",
    "invoice",
    "payment_intent",
    "payment_link",
    "presentment_details",
    "return_url",
    "setup_intent",
    "shipping_cost",
    "subscription",
)


def read_request(world: World, call: Call) -> Document:
    """The parameters of a creation.

    raises: InvalidRequest as Stripe would for this version
    """
    if intent_creation.OLD_SPELLING in call.nodes and versions.refuses_payment_method_types(call.version):
        raise intent_creation.no_longer_supported()
    fields = dict(FIELDS)
    if not versions.refuses_payment_method_types(call.version):
        fields[intent_creation.OLD_SPELLING] = Listing(Text())
    if versions.knows_allowed_payment_method_types(call.version):
        fields[intent_creation.NEW_SPELLING] = Listing(Text())
    asked = read(Group(fields, required=("line_items", "mode")), call.nodes)
    if asked["mode"] != "payment" or asked.get("ui_mode", "hosted_page") != "hosted_page":
        raise InvalidRequest("The twin offers hosted pages in payment mode.", param="mode")
    for name in ("success_url", "cancel_url"):
        if name in asked:
            check_url(asked[name], name)
    longest = world.switches.client_reference_id_max
    if len(asked.get("client_reference_id", "")) > longest:
        raise InvalidRequest(
            f"Invalid string: the value must be at most {longest} characters", param="client_reference_id"
        )
    check_expiry(world, asked)
    check_currency(asked)
    check_discounts(asked)
    return asked


def check_url(url: str, name: str) -> None:
    """raises: InvalidRequest unless a browser can be sent there"""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidRequest("Not a valid URL", code="url_invalid", param=name) from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidRequest("Not a valid URL", code="url_invalid", param=name)


def check_expiry(world: World, asked: Document) -> None:
    """raises: InvalidRequest unless the session ends 30 minutes to 24 hours from now"""
    lifetime = asked.get("expires_at", world.now() + LIFETIME_SECONDS_MAX) - world.now()
    if lifetime < LIFETIME_SECONDS_MIN:
        raise InvalidRequest(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            param="expires_at",
        )
    if lifetime > LIFETIME_SECONDS_MAX:
        raise InvalidRequest(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )


def check_discounts(asked: Document) -> None:
    """raises: InvalidRequest if more than one discount could be taken"""
    if asked.get("allow_promotion_codes") and asked.get("discounts"):
        raise InvalidRequest(
            "You may only specify one of these parameters: allow_promotion_codes, discounts.",
            param="discounts",
        )
    wanted = asked.get("discounts", [])
    if len(wanted) > 1 or any(len(discount) != 1 for discount in wanted):
        raise InvalidRequest("You may only specify one coupon or promotion code.", param="discounts")


def check_currency(asked: Document) -> None:
    """raises: InvalidRequest unless all prices share a currency"""
    currencies = {item["price_data"]["currency"].lower() for item in asked["line_items"]}
    if len(currencies) != 1:
        raise InvalidRequest("All line items must have the same currency.", param="line_items")


def total(asked: Document) -> int:
    """The sum of the line items, in the smallest unit of their currency."""
    return sum(item["price_data"]["unit_amount"] * item["quantity"] for item in asked["line_items"])


def line_items(session_id: str, asked: Document) -> Document:
    """The list that `expand[]=line_items` shows."""
    return {
        "object": "list",
        "data": [line_item(item) for item in asked["line_items"]],
        "has_more": False,
        "url": f"/v1/checkout/sessions/{session_id}/line_items",
    }


def line_item(item: Document) -> Document:
    """One line of a session."""
    price = item["price_data"]
    amount = price["unit_amount"] * item["quantity"]
    currency = price["currency"].lower()
    return {
        "id": identifiers.new("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": currency,
        "description": price["product_data"]["name"],
        "price": {
            "id": identifiers.new("price"),
            "object": "price",
            "active": False,
            "currency": currency,
            "product": identifiers.new("prod", length=14),
            "tax_behavior": price.get("tax_behavior", "unspecified"),
            "type": "one_time",
            "unit_amount": price["unit_amount"],
        },
        "quantity": item["quantity"],
    }


def session(world: World, call: Call, asked: Document) -> Document:
    """An open session."""
    identifier = identifiers.new("cs_live" if call.livemode else "cs_test", length=58)
    allowed = asked.get(intent_creation.NEW_SPELLING)
    base_url = world.config.public_url or call.base_url
    taxed = asked.get("automatic_tax", {}).get("enabled", False)
    return dict.fromkeys(NULL_AT_FIRST) | {
        "id": identifier,
        "object": "checkout.session",
        "adaptive_pricing": asked.get("adaptive_pricing", {"enabled": False}),
        "allow_promotion_codes": asked.get("allow_promotion_codes"),
        "allowed_payment_method_types": allowed,
        "amount_subtotal": total(asked),
        "amount_total": total(asked),
        "automatic_tax": {
            "enabled": taxed,
            "liability": {"type": "self"} if taxed else None,
            "provider": "stripe" if taxed else None,
            "status": "requires_location_inputs" if taxed else None,
        },
        "cancel_url": asked.get("cancel_url"),
        "client_reference_id": asked.get("client_reference_id"),
        "created": world.now(),
        "currency": asked["line_items"][0]["price_data"]["currency"].lower(),
        "custom_fields": [],
        "custom_text": dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        ),
        "customer_creation": "if_required",
        "customer_email": asked.get("customer_email"),
        "discounts": [],
        "expires_at": asked.get("expires_at", world.now() + LIFETIME_SECONDS_MAX),
        "livemode": call.livemode,
        "locale": asked.get("locale"),
        "metadata": asked.get("metadata", {}),
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": allowed or asked.get(intent_creation.OLD_SPELLING) or ["card"],
        "shipping_options": [],
        "payment_status": "unpaid" if total(asked) else "no_payment_required",
        "status": "open",
        "submit_type": asked.get("submit_type"),
        "success_url": asked.get("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{base_url}/c/pay/{identifier}#{identifiers.fragment()}",
    }
