"""Reusable deposit addresses: money that comes there pays whatever PaymentIntent names its transaction."""

from sandbox.stripe_twin import identifiers, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import NoSuchPath
from sandbox.stripe_twin.parameters import Group, Listing, Metadata, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

KIND = "crypto.deposit_address"
BY_ADDRESS = "reusable_address"
NETWORKS = ("base",)
CREATE_SHAPE = Group(
    {
        "customer": Text(),
        "expand": Listing(Text()),
        "metadata": Metadata(),
        "network": Text(choices=NETWORKS),
    },
    required=("network",),
)


def create(world: World, call: Call) -> Document:
    """POST /v1/crypto/deposit_addresses

    raises: NoSuchPath without the preview
    """
    refuse_unless_known(world, call)
    asked = read(CREATE_SHAPE, call.nodes)
    token = {"token_currency": "usdc", "token_contract_address": world.config.usdc_contract}
    address: Document = {
        "id": identifiers.new("cda"),
        "object": KIND,
        "address": identifiers.address(),
        "created": world.now(),
        "customer": asked.get("customer"),
        "livemode": call.livemode,
        "metadata": asked.get("metadata", {}),
        "network": asked["network"],
        "supported_tokens": [token],
    }
    world.store.put(KIND, address["id"], address)
    world.store.put(BY_ADDRESS, address["address"].lower(), {"id": address["id"]})
    return shown.to_call(world, call, address, asked.get("expand", []))


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/crypto/deposit_addresses/{address}"""
    refuse_unless_known(world, call)
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    address = world.existing(KIND, call.names["address"], livemode=call.livemode)
    return shown.to_call(world, call, address, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/crypto/deposit_addresses"""
    refuse_unless_known(world, call)
    filters = {"address": Text(), "customer": Text(), "network": Text(choices=NETWORKS)}
    asked = read(Group({**lists.FIELDS, **filters}), call.nodes)

    def keep(address: Document) -> bool:
        wanted = str(asked.get("address", address["address"]))
        return wanted.lower() == address["address"].lower() and all(
            asked.get(name) in (None, address[name]) for name in ("customer", "network")
        )

    page = lists.page(world, call, kind=KIND, asked=asked, keep=keep)
    return shown.to_call(world, call, page, asked.get("expand", []))


def refuse_unless_known(world: World, call: Call) -> None:
    """raises: NoSuchPath unless this account has the preview in this version"""
    if not world.verification_known(call.version):
        raise NoSuchPath(call.method, call.path)


def owner(world: World, address: str) -> Document | None:
    """The reusable address that is written so, in capitals or not."""
    found = world.store.get(BY_ADDRESS, address.lower())
    return None if found is None else world.store.get(KIND, found["id"])
