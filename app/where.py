"""Which database and chain a command speaks to: those of the environment, or of a running `pennyrail dev`."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from app import dev_folder, settings
from app.dev_folder import OR_A_FOLDER
from app.settings import DoorSettings, MigrationSettings
from ledger.settings import LedgerSettings, ReceiptSettings
from office.settings import NO_KEY, ConsoleSettings

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


@dataclass(frozen=True, slots=True)
class ConsoleDoor:
    """Where operators come in, as far as it is known here: `base_url` is empty if it is not."""

    base_url: str
    has_keys: bool

    def how_to_enrol(self, email: str) -> list[str]:
        """What to tell before an invitation."""
        place = f"{self.base_url}/console/enrol"
        unknown = "" if self.base_url else " of the service (its PENNYRAIL_PUBLIC_URL is not set here)"
        lines = [f"Enrol at {place}{unknown} with the email {email} and this invitation, which is used once:"]
        if not self.has_keys:
            lines.insert(0, f"There is no console yet: {NO_KEY}, and then start the API anew.")
        return lines


def console(folder: Path | None) -> ConsoleDoor:
    """The console's door: of the house over `folder`, or of the environment."""
    if folder is None:
        doors, keys = settings.readable(DoorSettings), settings.readable(ConsoleSettings)
        return ConsoleDoor(
            doors.base_url if doors is not None else "", has_keys=keys is not None and keys.open
        )
    from sandbox.house import Addresses

    return ConsoleDoor(Addresses.read(folder).api_url, has_keys=True)


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
