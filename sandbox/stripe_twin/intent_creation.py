"""What may be asked for when a PaymentIntent is created, version by version."""

from sandbox.stripe_twin import identifiers, versions
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest
from sandbox.stripe_twin.parameters import Flag, Group, Listing, Metadata, Shape, Text, Whole, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

STABLECOIN_CENTS_MIN = 1
STABLECOIN_CENTS_MAX = 1_000_000
CENTS_MAX = 99_999_999
NETWORKS = ("base", "ethereum", "polygon", "solana", "tempo")
OLD_SPELLING = "payment_method_types"
NEW_SPELLING = "allowed_payment_method_types"

COMMON: dict[str, Shape] = {
    "amount": Whole(minimum=STABLECOIN_CENTS_MIN, maximum=CENTS_MAX),
    "automatic_payment_methods": Group({"enabled": Flag(), "allow_redirects": Text()}),
    "capture_method": Text(choices=("automatic", "automatic_async", "manual")),
    "confirm": Flag(),
    "currency": Text(length_max=3),
    "customer": Text(),
    "description": Text(length_max=1_000),
    "expand": Listing(Text()),
    "metadata": Metadata(),
    "payment_method_data": Group({"type": Text()}, required=("type",)),
    "receipt_email": Text(length_max=800),
    "statement_descriptor": Text(length_max=22),
}
DEPOSIT_FIELDS: dict[str, Shape] = {
    "mode": Text(choices=("default", "deposit", "transaction_verification")),
    "deposit_options": Group(
        {"networks": Listing(Text(choices=NETWORKS)), "static_address": Flag()}, required=("networks",)
    ),
    "amount_reconciliation": Group({"type": Text(choices=("exact", "accept_partial_funding"))}),
}
VERIFICATION_FIELDS: dict[str, Shape] = {
    "mode": Text(choices=("default", "deposit", "transaction_verification")),
    "transaction_verification_options": Group(
        {"network": Text(choices=NETWORKS), "transaction_hash": Text()},
        required=("network", "transaction_hash"),
    ),
}
NULL_AT_FIRST = (
    "allowed_payment_method_types",
    "application",
    "application_fee_amount",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "customer",
    "description",
    "excluded_payment_method_types",
    "last_payment_error",
    "latest_charge",
    "next_action",
    "on_behalf_of",
    "payment_method",
    "payment_method_configuration_details",
    "processing",
    "receipt_email",
    "review",
    "setup_future_usage",
    "shipping",
    "source",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)


def read_request(world: World, call: Call) -> Document:
    """The parameters of a creation.

    raises: InvalidRequest as Stripe would for this version and account
    """
    if OLD_SPELLING in call.nodes and versions.refuses_payment_method_types(call.version):
        raise no_longer_supported()
    asked = read(shape(world, call), call.nodes)
    if OLD_SPELLING in asked and NEW_SPELLING in asked:
        raise InvalidRequest(
            f"You may only specify one of these parameters: {OLD_SPELLING}, {NEW_SPELLING}.",
            param=NEW_SPELLING,
        )
    if is_deposit(asked):
        check_crypto(world, asked, "deposit_options")
        check_deposit(asked)
    elif is_verification(asked):
        check_crypto(world, asked, "transaction_verification_options")
        check_verification(asked)
    elif asked.get("confirm"):
        raise InvalidRequest("The twin confirms crypto PaymentIntents alone.", param="confirm")
    return asked


def no_longer_supported() -> InvalidRequest:
    """The refusal of the old spelling."""
    return InvalidRequest(
        f"The parameter `{OLD_SPELLING}` is no longer supported. Use `{NEW_SPELLING}` instead.",
        code="payment_method_types_no_longer_supported",
        param=OLD_SPELLING,
    )


def shape(world: World, call: Call) -> Group:
    """The parameters that exist in this version, for this account."""
    crypto: dict[str, Shape] = {"setup_future_usage": Text(choices=("none",))}
    if world.deposits_known(call.version):
        crypto |= DEPOSIT_FIELDS
    if world.verification_known(call.version):
        crypto |= VERIFICATION_FIELDS
    fields = COMMON | {"payment_method_options": Group({"card": Group({}), "crypto": Group(crypto)})}
    if not versions.refuses_payment_method_types(call.version):
        fields |= {OLD_SPELLING: Listing(Text())}
    if versions.knows_allowed_payment_method_types(call.version):
        fields |= {NEW_SPELLING: Listing(Text())}
    return Group(fields, required=("amount", "currency"))


def crypto_options(asked: Document) -> Document:
    """What was said about paying with crypto."""
    options: Document = asked.get("payment_method_options", {}).get("crypto", {})
    return options


def is_deposit(asked: Document) -> bool:
    """Whether the payer will send tokens to an address."""
    return crypto_options(asked).get("mode") == "deposit"


def is_verification(asked: Document) -> bool:
    """Whether the payer sent tokens already, and a transaction hash is named."""
    return crypto_options(asked).get("mode") == "transaction_verification"


def hash_named(asked: Document) -> str:
    """The transaction that shall pay."""
    return str(crypto_options(asked)["transaction_verification_options"]["transaction_hash"])


def check_crypto(world: World, asked: Document, options: str) -> None:
    """What Stripe asks of every crypto payment, and that the options of its mode are there.

    raises: InvalidRequest
    """
    if asked["currency"].lower() != "usd":
        raise InvalidRequest("Crypto payments must be in usd.", param="currency")
    if asked["amount"] > STABLECOIN_CENTS_MAX:
        raise InvalidRequest(
            "Amount must be no more than $10,000.00 usd", code="amount_too_large", param="amount"
        )
    if asked.get("payment_method_data", {}).get("type") != "crypto":
        raise InvalidRequest(
            "Missing required param: payment_method_data[type].",
            code="parameter_missing",
            param="payment_method_data",
        )
    types = asked.get(NEW_SPELLING) or asked.get(OLD_SPELLING) or ["crypto"]
    if "crypto" not in types:
        raise InvalidRequest("The payment method type crypto is not among the types of this PaymentIntent.")
    if not world.switches.crypto_enabled:
        raise InvalidRequest(
            'The payment method type "crypto" is invalid. Please ensure the provided type is activated in '
            "your dashboard and your account is enabled for any preview features that you are trying to use.",
            code="payment_intent_invalid_parameter",
            param="payment_method_types",
        )
    if options not in crypto_options(asked):
        name = f"payment_method_options[crypto][{options}]"
        raise InvalidRequest(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if asked.get("capture_method") == "manual":
        raise InvalidRequest("Manual capture is not supported for crypto.", param="capture_method")
    if not asked.get("confirm"):
        raise InvalidRequest("The twin opens crypto payments only with confirm=true.", param="confirm")


def check_deposit(asked: Document) -> None:
    """raises: InvalidRequest for what the twin does not know of deposits"""
    options = crypto_options(asked)
    beyond = (
        options["deposit_options"]["networks"] != ["base"] or "static_address" in options["deposit_options"]
    )
    if beyond or options.get("amount_reconciliation", {}).get("type", "exact") != "exact":
        raise InvalidRequest(
            "The twin knows exact deposits on base, one address each.", param="payment_method_options[crypto]"
        )


def check_verification(asked: Document) -> None:
    """raises: InvalidRequest for other networks"""
    if crypto_options(asked)["transaction_verification_options"]["network"] != "base":
        raise InvalidRequest("The twin sees base alone.", param="payment_method_options[crypto]")


def blank(world: World, *, livemode: bool, amount: int, currency: str) -> Document:
    """A PaymentIntent that nobody has tried to pay."""
    identifier = identifiers.new("pi")
    return dict.fromkeys(NULL_AT_FIRST) | {
        "id": identifier,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "client_secret": f"{identifier}_secret_{identifiers.token(25)}",
        "confirmation_method": "automatic",
        "created": world.now(),
        "currency": currency,
        "livemode": livemode,
        "metadata": {},
        "payment_method_options": {},
        "payment_method_types": [],
        "status": "requires_payment_method",
    }
