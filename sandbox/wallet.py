"""A wallet-equipped agent's wallet on the devnet: its own key, signing on this side of the wire."""

import time
from typing import Self

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress, HexStr
from typing_extensions import override
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import TransactionNotFound
from web3.types import RPCEndpoint

from sandbox.devnet import TOKEN, token

GAS_WEI = 10**18
OPENING_USDC_UNITS = 1_000 * 10**6
POLL_SECONDS = 0.05


class TransferFailed(Exception):
    """The chain took the transaction and reverted it."""

    code = "transfer_failed"


class NotMinedInTime(Exception):
    """No receipt came in time; the transaction may still be mined."""

    code = "not_mined_in_time"


class Wallet:
    """One key and what it can do with USDC. The key never leaves this object, nor its `repr`."""

    def __init__(self, *, rpc_url: str, account: LocalAccount) -> None:
        self._account = account
        # web3's own retries repeat sends; one try and an honest error are better here.
        self._web3 = Web3(HTTPProvider(rpc_url, exception_retry_configuration=None))
        self._usdc: type[Contract] | Contract = self._web3.eth.contract(
            address=Web3.to_checksum_address(TOKEN), abi=token.contract().abi
        )

    @classmethod
    def create(cls, rpc_url: str, *, usdc_units: int = OPENING_USDC_UNITS) -> Self:
        """A new wallet with a fresh random key, devnet ETH for gas, and `usdc_units` millionths of USDC."""
        wallet = cls(rpc_url=rpc_url, account=Account.create())
        wallet._ask("anvil_setBalance", wallet.address, hex(GAS_WEI))
        if usdc_units > 0:
            minted = wallet._submit(wallet._usdc.functions.mint(wallet.address, usdc_units))
            # The devnet is ours: no reason to wait for its clock before the wallet can be used.
            wallet._ask("anvil_mine", "0x1")
            wallet.wait(minted)
        return wallet

    @override
    def __repr__(self) -> str:
        return f"Wallet({self.address})"

    @property
    def address(self) -> ChecksumAddress:
        """The wallet's address, in EIP-55 spelling."""
        return ChecksumAddress(self._account.address)

    def usdc_units(self) -> int:
        """How many millionths of USDC the wallet holds now."""
        return int(self._usdc.functions.balanceOf(self.address).call())

    def send_usdc(self, to: str, atomic: int, *, timeout_seconds: float = 30) -> str:
        """Send `atomic` millionths of USDC and wait until the transfer is in a block; its transaction hash.

        raises: TransferFailed, NotMinedInTime
        """
        sent = self.submit_usdc(to, atomic)
        self.wait(sent, timeout_seconds=timeout_seconds)
        return sent

    def submit_usdc(self, to: str, atomic: int) -> str:
        """Hand a signed transfer to the chain and return its hash at once, before any block has it."""
        return self._submit(self._usdc.functions.transfer(Web3.to_checksum_address(to), atomic))

    def wait(self, tx_hash: str, *, timeout_seconds: float = 30) -> int:
        """Wait for the receipt of a transaction of ours; the number of its block.

        raises: TransferFailed, NotMinedInTime
        """
        give_up_at = time.monotonic() + timeout_seconds
        while time.monotonic() < give_up_at:
            try:
                receipt = self._web3.eth.get_transaction_receipt(HexStr(tx_hash))
            except TransactionNotFound:
                time.sleep(POLL_SECONDS)
                continue
            if receipt["status"] != 1:
                raise TransferFailed(f"{tx_hash} was reverted in block {receipt['blockNumber']}")
            return int(receipt["blockNumber"])
        raise NotMinedInTime(f"{tx_hash} is in no block after {timeout_seconds} s")

    def _submit(self, call: ContractFunction) -> str:
        unsigned = call.build_transaction(
            {
                "from": self.address,
                "chainId": self._web3.eth.chain_id,
                # Counting what still waits, so that two transfers can share a block.
                "nonce": self._web3.eth.get_transaction_count(self.address, "pending"),
            }
        )
        signed = self._account.sign_transaction(dict(unsigned))  # type: ignore[arg-type]
        return str(self._web3.eth.send_raw_transaction(signed.raw_transaction).to_0x_hex())

    def _ask(self, method: str, *parameters: object) -> None:
        answer = self._web3.provider.make_request(RPCEndpoint(method), list(parameters))
        assert "error" not in answer, f"{method}: {answer.get('error')}"
