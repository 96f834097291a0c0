"""Clients that spend, buy, pay and read, all at once, and write down what they were told."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from pennyrail_client import Client
from sandbox.devnet import Devnet
from sandbox.stripe_twin.control import Control
from tests.faults.asking import Asker, Counts, Ending, Unanswered
from tests.faults.buying import Buyer, heard
from tests.faults.history import History
from tests.faults.spending import Account, Spender

# A client that hears nothing for so long asks again.
ANSWER_SECONDS: Final = 4.0
DRAIN_SECONDS: Final = 240.0
SIGN_UP_SECONDS: Final = 60.0
FIRST_CREDITS: Final = 5000
SPENDING: Final = {"hold": 30, "capture": 18, "release": 8, "debit": 14, "grant": 1, "look": 20}
BUYING: Final = {"buy": 2, "poll": 7}
# Every third client buys, too: who waits for a payment provider must not keep the others from spending.
BUYERS: Final = 3


@dataclass(frozen=True)
class Where:
    """Where the house and its outside world listen; without a twin and a chain nothing is bought."""

    api_url: str
    service_token: str = field(repr=False)
    twin_url: str | None = None
    rpc_url: str | None = None


class Load:
    """So many clients in threads, on so many agents; each draws from its own part of the seed."""

    def __init__(
        self, where: Where, history: History, *, seed: int, agents: int = 12, clients: int = 6
    ) -> None:
        self._where = where
        self._history = history
        self._seed = seed
        self._agents = agents
        self._ending = Ending()
        self._counts = Counts()
        self._accounts: list[Account] = []
        self._broken: list[BaseException] = []
        self._all_have_some = threading.Barrier(clients)
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(clients)]

    @property
    def acknowledged(self) -> Counter[str]:
        """How many calls were answered so far, by operation."""
        with self._counts.lock:
            return Counter(self._counts.acknowledged)

    @property
    def unknown(self) -> Counter[str]:
        """How many calls nobody answered, by operation; each but reads and payments was asked again."""
        with self._counts.lock:
            return Counter(self._counts.unknown)

    def start(self) -> None:
        """Sign the agents up, and begin."""
        with httpx.Client(base_url=self._where.api_url, timeout=ANSWER_SECONDS, trust_env=False) as http:
            self._accounts.extend(_sign_up(http, f"load-{n}") for n in range(self._agents))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing new, ask what is unanswered until it is answered, and wait until what was paid is
        granted: for four minutes at most. Raises what broke in a client.
        """
        self._ending.end(drain_seconds=DRAIN_SECONDS)
        for thread in self._threads:
            thread.join()
        if self._broken:
            raise self._broken[0]

    def _run(self, number: int) -> None:
        chance = random.Random(f"{self._seed}-{number}")
        # Keys must be new in every run, and the same seed may run twice on one house.
        run = f"{self._seed}-{time.monotonic_ns():x}"
        asker = Asker(number, self._history, self._ending, self._counts, chance, run)
        try:
            with Client(
                self._where.api_url, self._where.service_token, timeout_seconds=ANSWER_SECONDS, retries=0
            ) as client:
                self._work(asker, Spender(asker, client), number)
        except Exception as error:
            # Seen when the load stops; a thread that dies alone would leave a quiet, thin history.
            self._broken.append(error)
            self._all_have_some.abort()

    def _work(self, asker: Asker, spender: Spender, number: int) -> None:
        buyer = self._buyer(asker) if number % BUYERS == 0 else None
        for account in self._accounts[number :: len(self._threads)]:
            spender.grant(account, FIRST_CREDITS)
        # The book keeps no refusal of an agent whom nobody has given anything: it has no account yet.
        self._all_have_some.wait()
        if buyer is not None:
            # Who has bought something may do as many jobs a day as it pleases.
            for account in self._accounts[number // BUYERS :: -(-len(self._threads) // BUYERS)]:
                if not self._ending.asked.is_set():
                    buyer.buy(account)
        actions = {**SPENDING, **(BUYING if buyer is not None else {})}
        names, weights = tuple(actions), tuple(actions.values())
        while not self._ending.asked.is_set():
            self._act(asker.chance.choices(names, weights)[0], asker, spender, buyer)
        if buyer is not None:
            buyer.wait()
            buyer.close()

    def _act(self, action: str, asker: Asker, spender: Spender, buyer: Buyer | None) -> None:
        account = asker.chance.choice(self._accounts)
        if buyer is not None and action == "buy":
            buyer.buy(account)
        elif buyer is not None and action == "poll":
            recent: Sequence[object] = buyer.purchases
            if recent:
                buyer.look(asker.chance.choice(buyer.purchases[-10:]))
        else:
            getattr(spender, action)(account)

    def _buyer(self, asker: Asker) -> Buyer | None:
        if self._where.twin_url is None or self._where.rpc_url is None:
            return None
        http = httpx.Client(base_url=self._where.api_url, timeout=ANSWER_SECONDS, trust_env=False)
        return Buyer(asker, http, Control(self._where.twin_url), Devnet(rpc_url=self._where.rpc_url, pid=0))


def _sign_up(http: httpx.Client, name: str) -> Account:
    """A new agent. Nobody who signs up and hears nothing knows its token, so another one is signed up."""
    give_up_at = time.monotonic() + SIGN_UP_SECONDS
    body = {"agent_name": name, "runtime": "tests", "return_token": True}
    while True:
        try:
            signed_up = heard(http, "POST", "/v1/agent-signups", json=body)
            return Account(signed_up["actor"]["actor_id"], signed_up["token"])
        except Unanswered:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.2)
