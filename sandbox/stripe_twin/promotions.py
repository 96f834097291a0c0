"""Coupons and promotion codes: what is taken off the price of a Checkout Session."""

from sandbox.stripe_twin import identifiers, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, UnexpectedState
from sandbox.stripe_twin.parameters import Flag, Group, Listing, Metadata, Percent, Text, Whole, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

COUPON = "coupon"
KIND = "promotion_code"
COUPON_SHAPE = Group(
    {
        "amount_off": Whole(minimum=1),
        "currency": Text(length_max=3),
        "duration": Text(choices=("once", "repeating", "forever")),
        "expand": Listing(Text()),
        "id": Text(length_max=200),
        "max_redemptions": Whole(minimum=1),
        "metadata": Metadata(),
        "name": Text(length_max=40),
        "percent_off": Percent(),
        "redeem_by": Whole(),
    }
)
CODE_SHAPE = Group(
    {
        "active": Flag(),
        "code": Text(length_max=500),
        "expand": Listing(Text()),
        "expires_at": Whole(),
        "max_redemptions": Whole(minimum=1),
        "metadata": Metadata(),
        "promotion": Group(
            {"coupon": Text(), "type": Text(choices=("coupon",))}, required=("coupon", "type")
        ),
        "restrictions": Group(
            {
                "first_time_transaction": Flag(),
                "minimum_amount": Whole(minimum=1),
                "minimum_amount_currency": Text(length_max=3),
            }
        ),
    },
    required=("promotion",),
)
LIST_SHAPE = Group({**lists.FIELDS, "active": Flag(), "code": Text(), "coupon": Text()})


def create_coupon(world: World, call: Call) -> Document:
    """POST /v1/coupons"""
    asked = read(COUPON_SHAPE, call.nodes)
    if ("amount_off" in asked) == ("percent_off" in asked):
        raise InvalidRequest("You must pass either `amount_off` or `percent_off` to create a coupon.")
    if "amount_off" in asked and "currency" not in asked:
        raise InvalidRequest("You must pass `currency` when passing `amount_off`.", param="currency")
    if "id" in asked and world.store.get(COUPON, asked["id"]) is not None:
        raise InvalidRequest("Coupon already exists.", code="resource_already_exists", param="id")
    coupon = new_coupon(world, livemode=call.livemode, asked=asked)
    return shown.to_call(world, call, coupon, asked.get("expand", []))


def new_coupon(world: World, *, livemode: bool, asked: Document) -> Document:
    """Write a coupon."""
    coupon: Document = {
        "id": asked.get("id") or identifiers.token(8),
        "object": COUPON,
        "amount_off": asked.get("amount_off"),
        "created": world.now(),
        "currency": asked.get("currency"),
        "duration": asked.get("duration", "once"),
        "duration_in_months": None,
        "livemode": livemode,
        "max_redemptions": asked.get("max_redemptions"),
        "metadata": asked.get("metadata", {}),
        "name": asked.get("name"),
        "percent_off": asked.get("percent_off"),
        "redeem_by": asked.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    world.store.put(COUPON, coupon["id"], coupon)
    return coupon


def retrieve_coupon(world: World, call: Call) -> Document:
    """GET /v1/coupons/{coupon}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    coupon = world.existing(COUPON, call.names["coupon"], livemode=call.livemode)
    return shown.to_call(world, call, coupon, asked.get("expand", []))


def create(world: World, call: Call) -> Document:
    """POST /v1/promotion_codes"""
    asked = read(CODE_SHAPE, call.nodes)
    name = asked["promotion"]["coupon"]
    coupon = world.existing(COUPON, name, livemode=call.livemode, param="promotion[coupon]")
    code = new_code(world, coupon, asked)
    return shown.to_call(world, call, code, asked.get("expand", []))


def new_code(world: World, coupon: Document, asked: Document) -> Document:
    """Write a promotion code of a coupon.

    raises: InvalidRequest if the code is taken
    """
    text = asked.get("code") or identifiers.token(8).upper()
    if active_code(world, text, livemode=coupon["livemode"]) is not None:
        raise InvalidRequest("An active promotion code with this code already exists.", param="code")
    restrictions = {"first_time_transaction": False, "minimum_amount": None, "minimum_amount_currency": None}
    code: Document = {
        "id": identifiers.new("promo"),
        "object": KIND,
        "active": asked.get("active", True),
        "code": text,
        "created": world.now(),
        "customer": None,
        "customer_account": None,
        "expires_at": asked.get("expires_at"),
        "livemode": coupon["livemode"],
        "max_redemptions": asked.get("max_redemptions"),
        "metadata": asked.get("metadata", {}),
        "promotion": {"coupon": coupon["id"], "type": "coupon"},
        "restrictions": restrictions | asked.get("restrictions", {}),
        "times_redeemed": 0,
    }
    world.store.put(KIND, code["id"], code)
    return code


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/promotion_codes/{code}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    code = world.existing(KIND, call.names["code"], livemode=call.livemode)
    return shown.to_call(world, call, code, asked.get("expand", []))


def update(world: World, call: Call) -> Document:
    """POST /v1/promotion_codes/{code}"""
    shape = Group({"active": Flag(), "expand": Listing(Text()), "metadata": Metadata()})
    asked = read(shape, call.nodes)
    code = world.existing(KIND, call.names["code"], livemode=call.livemode)
    code["active"] = asked.get("active", code["active"])
    code["metadata"] |= asked.get("metadata", {})
    world.store.put(KIND, code["id"], code)
    return shown.to_call(world, call, code, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/promotion_codes"""
    asked = read(LIST_SHAPE, call.nodes)

    def keep(code: Document) -> bool:
        return (
            asked.get("active") in (None, code["active"])
            and str(asked.get("code", code["code"])).lower() == code["code"].lower()
            and asked.get("coupon") in (None, code["promotion"]["coupon"])
        )

    page = lists.page(world, call, kind=KIND, asked=asked, keep=keep)
    return shown.to_call(world, call, page, asked.get("expand", []))


def active_code(world: World, text: str, *, livemode: bool) -> Document | None:
    """The promotion code that a person means by this text, in capitals or not."""
    for code in world.store.oldest_first(KIND):
        if code["active"] and code["livemode"] == livemode and code["code"].lower() == text.lower():
            return code
    return None


def usable_coupon(world: World, code: Document, cents: int) -> Document:
    """The coupon of a code for a purchase of `cents`.

    raises: UnexpectedState if the code is off, over, used up, or not for this purchase
    """
    coupon = world.existing(COUPON, code["promotion"]["coupon"], livemode=code["livemode"])
    over = (
        not code["active"]
        or (code["expires_at"] or world.now() + 1) <= world.now()
        or (coupon["redeem_by"] or world.now() + 1) <= world.now()
    )
    used_up = any(
        row["max_redemptions"] is not None and row["times_redeemed"] >= row["max_redemptions"]
        for row in (code, coupon)
    )
    if over or used_up:
        raise UnexpectedState("This promotion code has expired.", code="coupon_expired")
    too_little = cents < (code["restrictions"]["minimum_amount"] or 0)
    if too_little or code["restrictions"]["first_time_transaction"]:
        raise UnexpectedState("This promotion code cannot be redeemed for this purchase.")
    return coupon


def redeem(world: World, code_id: str | None, coupon_id: str) -> None:
    """Count one use."""
    for kind, identifier in ((COUPON, coupon_id), (KIND, code_id)):
        row = None if identifier is None else world.store.get(kind, identifier)
        if row is not None:
            row["times_redeemed"] += 1
            world.store.put(kind, row["id"], row)
