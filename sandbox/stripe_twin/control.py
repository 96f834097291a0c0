"""The control API's client: typed verbs for tests and demos."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx
from pydantic import TypeAdapter
from typing_extensions import override

from sandbox.stripe_twin.checkout_verbs import CheckoutVerbs
from sandbox.stripe_twin.models import (
    AttemptRow,
    ClockStep,
    DeliveryRow,
    Fault,
    Health,
    IntentRow,
    Moment,
    NewEndpoint,
    NewSecrets,
    RegisteredEndpoint,
    SeenRequest,
    Switches,
    TransferRow,
)
from sandbox.stripe_twin.money_verbs import MoneyVerbs

TIMEOUT_SECONDS = 10.0


class Control(MoneyVerbs, CheckoutVerbs):
    """Talks to the `/_twin` doors of one twin."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_twin", timeout=TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def health(self) -> Health:
        """Whether the twin works, and whether it sees its chain."""
        return Health.model_validate_json(self._ask("GET", "/health"))

    def register_endpoint(
        self, url: str, *, secrets: Sequence[str], enabled_events: Sequence[str] = ("*",)
    ) -> RegisteredEndpoint:
        """Have events sent to `url`; two secrets sign twice, as during a rotation."""
        given = NewEndpoint(url=url, secrets=list(secrets), enabled_events=list(enabled_events))
        return RegisteredEndpoint.model_validate_json(
            self._ask("POST", "/endpoints", given.model_dump_json())
        )

    def endpoints(self) -> list[RegisteredEndpoint]:
        """The registered endpoints."""
        return TypeAdapter(list[RegisteredEndpoint]).validate_json(self._ask("GET", "/endpoints"))

    def change_secrets(self, endpoint: str, *, secrets: Sequence[str]) -> RegisteredEndpoint:
        """Sign with these secrets from now on."""
        given = NewSecrets(secrets=list(secrets)).model_dump_json()
        return RegisteredEndpoint.model_validate_json(
            self._ask("PUT", f"/endpoints/{endpoint}/secrets", given)
        )

    def remove_endpoint(self, endpoint: str) -> RegisteredEndpoint:
        """Send nothing more there."""
        return RegisteredEndpoint.model_validate_json(self._ask("DELETE", f"/endpoints/{endpoint}"))

    def set_switches(self, switches: Switches) -> Switches:
        """Deliver webhooks as badly as this; `Switches()` is well again."""
        return Switches.model_validate_json(self._ask("PUT", "/switches", switches.model_dump_json()))

    def switches(self) -> Switches:
        """The switches as they stand."""
        return Switches.model_validate_json(self._ask("GET", "/switches"))

    def deliveries(self, event: str = "") -> list[DeliveryRow]:
        """How the deliveries stand, of one event or of all."""
        answer = self._ask("GET", "/deliveries", query={"event": event})
        return TypeAdapter(list[DeliveryRow]).validate_json(answer)

    def attempts(self) -> list[AttemptRow]:
        """Every delivery attempt, oldest first."""
        return TypeAdapter(list[AttemptRow]).validate_json(self._ask("GET", "/attempts"))

    def redeliver(self, event: str) -> int:
        """Send an event again, now; returns to how many endpoints."""
        return TypeAdapter(int).validate_json(self._ask("POST", f"/events/{event}/redeliver"))

    def requests(self, *, path_prefix: str = "/", method: str | None = None) -> list[SeenRequest]:
        """The API requests that arrived, oldest first."""
        query = {"path_prefix": path_prefix} | ({"method": method} if method is not None else {})
        return TypeAdapter(list[SeenRequest]).validate_json(self._ask("GET", "/requests", query=query))

    def forget_requests(self) -> int:
        """Begin to count requests anew; returns how many were forgotten."""
        return TypeAdapter(int).validate_json(self._ask("DELETE", "/requests"))

    def fail(self, fault: Fault) -> Fault:
        """Let the next matching requests fail; faults queue up and are used in their order."""
        return Fault.model_validate_json(self._ask("POST", "/faults", fault.model_dump_json()))

    def faults(self) -> list[Fault]:
        """The faults that wait for a request."""
        return TypeAdapter(list[Fault]).validate_json(self._ask("GET", "/faults"))

    def clear_faults(self) -> int:
        """Let nothing more fail; returns how many faults were left."""
        return TypeAdapter(int).validate_json(self._ask("DELETE", "/faults"))

    def payment_intents(self) -> list[IntentRow]:
        """Every PaymentIntent of both modes, oldest first, with its address."""
        return TypeAdapter(list[IntentRow]).validate_json(self._ask("GET", "/payment_intents"))

    def expire_deposit(self, intent: str) -> IntentRow:
        """Let an intent's deposit end now: money that comes later is late."""
        return IntentRow.model_validate_json(self._ask("POST", f"/payment_intents/{intent}/expire"))

    def transfers(self) -> list[TransferRow]:
        """Every transfer that the twin saw on the chain."""
        return TypeAdapter(list[TransferRow]).validate_json(self._ask("GET", "/transfers"))

    def unmatched_transfers(self) -> list[TransferRow]:
        """The transfers that paid nothing, each with its reason."""
        answer = self._ask("GET", "/transfers", query={"state": "unmatched"})
        return TypeAdapter(list[TransferRow]).validate_json(answer)

    def now(self) -> int:
        """The twin's clock."""
        return Moment.model_validate_json(self._ask("GET", "/clock")).now

    def advance_clock(self, *, seconds: int) -> int:
        """Move the twin's clock forward, and let everything happen that is due; returns its time."""
        step = ClockStep(advance_seconds=seconds).model_dump_json()
        return Moment.model_validate_json(self._ask("POST", "/clock", step)).now

    @override
    def _ask(
        self, verb: str, path: str, body: str | None = None, *, query: dict[str, str] | None = None
    ) -> bytes:
        answer = self._http.request(
            verb, path, content=body, params=query, headers={"Content-Type": "application/json"}
        )
        answer.raise_for_status()
        return answer.content
