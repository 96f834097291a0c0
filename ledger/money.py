"""Quantities with a unit: the only way an amount crosses a function in this house."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asset:
    """What is counted, and how many decimals one whole of it has."""

    code: str
    scale: int


CREDIT = Asset("CREDIT", 0)
USD = Asset("USD", 2)
USDC = Asset("USDC", 6)
ASSETS = {asset.code: asset for asset in (CREDIT, USD, USDC)}


class MixedAssets(TypeError):
    """Two amounts of different assets met in one sum or comparison."""


@dataclass(frozen=True, slots=True)
class Amount:
    """`units` of the smallest part of `asset`: Amount(500, USD) is five dollars."""

    units: int
    asset: Asset

    def __post_init__(self) -> None:
        if type(self.units) is not int:
            raise TypeError(f"an amount counts whole units, not {type(self.units).__name__}")

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.units + self._same(other), self.asset)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.units - self._same(other), self.asset)

    def __neg__(self) -> "Amount":
        return Amount(-self.units, self.asset)

    def __lt__(self, other: "Amount") -> bool:
        return self.units < self._same(other)

    def __le__(self, other: "Amount") -> bool:
        return self.units <= self._same(other)

    def __gt__(self, other: "Amount") -> bool:
        return self.units > self._same(other)

    def __ge__(self, other: "Amount") -> bool:
        return self.units >= self._same(other)

    def __str__(self) -> str:
        return f"{self.decimal()} {self.asset.code}"

    def decimal(self) -> str:
        """The amount in whole units, every decimal written out: Amount(1010000, USDC) is "1.010000"."""
        if self.asset.scale == 0:
            return str(self.units)
        sign = "-" if self.units < 0 else ""
        whole, part = divmod(abs(self.units), 10**self.asset.scale)
        return f"{sign}{whole}.{part:0{self.asset.scale}d}"

    def _same(self, other: "Amount") -> int:
        if self.asset != other.asset:
            raise MixedAssets(f"{self.asset.code} does not mix with {other.asset.code}")
        return other.units
