"""Which database and chain a command speaks to: those of the environment, or of a running `pennyrail dev`."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from app import dev_folder, settings
from app.dev_folder import OR_A_FOLDER
from app.settings import MigrationSettings
from ledger.settings import LedgerSettings, ReceiptSettings

if TYPE_CHECKING:
    from outbound.settings import OutboundSettings
    from rails.chain.settings import ChainSettings
    from rails.stripe.settings import StripeSettings

DevHouse = dev_folder.DevHouse


def ledger(folder: Path | None) -> LedgerSettings:
    """The settings of the book: of the house over `folder`, or of the environment."""
    if folder is None:
        settings.require(LedgerSettings, otherwise=OR_A_FOLDER)
        return LedgerSettings()
    from sandbox.house import Addresses

    return LedgerSettings(database_url=Addresses.read(folder).database_url)


def owner_url(folder: Path | None) -> str:
    """The database as its owner, for what the service itself may not do."""
    owned_by = MigrationSettings().migrate_database_url if folder is None else ""
    return owned_by or ledger(folder).database_url


def outbound(folder: Path | None) -> "OutboundSettings":
    """The settings of outgoing webhooks: of the house over `folder`, or of the environment."""
    from outbound.settings import OutboundSettings

    if folder is None:
        settings.require(OutboundSettings, otherwise=OR_A_FOLDER)
        return OutboundSettings()
    from sandbox import house

    house.Addresses.read(folder)
    return OutboundSettings(keys=(SecretStr(house.webhook_key(folder)),), allow_loopback=True)


def receipts(folder: Path | None) -> ReceiptSettings:
    """The key that signs for the house: of the house over `folder`, or of the environment."""
    if folder is None:
        return ReceiptSettings()
    from sandbox import house

    house.Addresses.read(folder)
    return ReceiptSettings(
        receipt_key=SecretStr(""), receipt_key_file=house.receipt_key(folder), receipt_keys_file=None
    )


def environment(folder: Path) -> dict[str, str]:
    """The settings under which another command speaks to the house of `folder`."""
    from sandbox import house

    return house.environment(folder)


def run_in_the_house(folder: Path, *words: str) -> int:
    """Run another `pennyrail` command under the settings of the house of `folder`; its exit code."""
    command = [sys.executable, "-m", "app.cli", *words]
    return subprocess.run(command, env=environment(folder), check=False).returncode


def stripe(folder: Path | None) -> "StripeSettings":
    """The settings of Stripe: of the house over `folder`, or of the environment."""
    from rails.stripe.settings import StripeSettings

    if folder is None:
        settings.require(StripeSettings, otherwise=OR_A_FOLDER)
        return StripeSettings()
    from sandbox import house

    found, (key, secret) = house.Addresses.read(folder), house.stripe_access(folder)
    return StripeSettings(
        secret_key=SecretStr(key), webhook_secrets=(SecretStr(secret),), api_base=found.twin_url
    )


def reading(folder: Path | None) -> tuple[LedgerSettings, "ChainSettings"]:
    """The settings of the book and of the chain: of the house over `folder`, or of the environment."""
    from rails.chain.settings import ChainSettings
    from rails.settings import StorySettings

    if folder is None:
        settings.require(LedgerSettings, ChainSettings, StorySettings, otherwise=OR_A_FOLDER)
        return LedgerSettings(), ChainSettings()
    from sandbox.house import Addresses

    found = Addresses.read(folder)
    return LedgerSettings(database_url=found.database_url), ChainSettings(
        base_rpc_url=SecretStr(found.rpc_url)
    )
