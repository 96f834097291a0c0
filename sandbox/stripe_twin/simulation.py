"""Stripe's test helper for deposits: two magic hashes, and an outcome a moment later."""

from sandbox.stripe_twin import charges, payment_intents, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, NoSuchPath, UnexpectedState
from sandbox.stripe_twin.parameters import Group, Listing, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

KIND = "simulation"
SUCCESS = "0x" + "testsuccess".rjust(64, "0")
FAILURE = "0x" + "testfailed".rjust(64, "0")
SHAPE = Group(
    {
        "buyer_wallet": Text(),
        "expand": Listing(Text()),
        "network": Text(choices=("base",)),
        "token_currency": Text(choices=("usdc", "usdg", "usdp")),
        "transaction_hash": Text(),
    },
    required=("buyer_wallet", "network", "token_currency", "transaction_hash"),
)


def simulate_deposit(world: World, call: Call) -> Document:
    """POST /v1/test_helpers/payment_intents/{intent}/simulate_crypto_deposit

    raises: NoSuchPath without the preview, InvalidRequest for live keys and other hashes, UnexpectedState
    """
    if not world.deposits_known(call.version):
        raise NoSuchPath(call.method, call.path)
    if call.livemode:
        raise InvalidRequest("This endpoint is only available in test mode.")
    asked = read(SHAPE, call.nodes)
    if asked["transaction_hash"] not in (SUCCESS, FAILURE):
        raise InvalidRequest("Not a valid testmode transaction hash.", param="transaction_hash")
    intent = world.existing(payment_intents.KIND, call.names["intent"], livemode=False)
    if intent["status"] != "requires_action" or intent["next_action"]["type"] != "crypto_display_details":
        raise UnexpectedState(
            f"This PaymentIntent's status is {intent['status']}; a deposit can be simulated only while it is "
            "requires_action.",
            code="payment_intent_unexpected_state",
        )
    payment_intents.process(world, intent, call.cause)
    details = charges.crypto_details(
        buyer_address=asked["buyer_wallet"],
        network=asked["network"],
        token_currency=asked["token_currency"],
        transaction_hash=asked["transaction_hash"],
    )
    planned = {
        "payment_intent": intent["id"],
        "details": details,
        "due_at": world.precise_now() + world.config.simulate_delay_seconds,
    }
    world.store.put(KIND, intent["id"], planned)
    return shown.to_call(world, call, intent, asked.get("expand", []))


def finish_due(world: World) -> None:
    """Let the simulated deposits arrive whose moment has come."""
    for planned in world.store.between(KIND, "due_at", 0, world.precise_now()):
        intent = world.store.get(payment_intents.KIND, planned["payment_intent"])
        assert intent is not None, "a simulation is of an intent"
        world.store.delete(KIND, intent["id"])
        if planned["details"]["crypto"]["transaction_hash"] == SUCCESS:
            payment_intents.succeed(world, intent, planned["details"])
        else:
            payment_intents.fail(
                world,
                intent,
                planned["details"],
                code="payment_intent_payment_attempt_failed",
                message="The crypto deposit failed.",
            )
