"""Settings of the rail `stripe_checkout`."""

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Method = Literal["card", "link", "cashapp", "us_bank_account", "acss_debit"]


class CheckoutSettings(BaseSettings):
    """Where a person comes back to, what the page offers, and whether the rail is open."""

    model_config = SettingsConfigDict(env_prefix="PENNYRAIL_")

    public_url: str = Field(description="the address this service is reached at from outside")
    stripe_checkout_closed: str = Field(default="", description="why nobody may pay this way, empty if open")
    checkout_methods: Annotated[tuple[Method, ...], NoDecode] = Field(
        default=("card",), description="how a person may pay; bank debits take days and may fail after them"
    )
    checkout_promotion_codes: bool = Field(
        default=False, description="whether the page takes promotion codes; a code may make credits free"
    )
    checkout_automatic_tax: bool = Field(
        default=False, description="whether Stripe reckons tax and adds it to the price"
    )
    checkout_tax_code: str = Field(
        default="", pattern=r"^(txcd_[0-9]{8})?$", description="what is sold, in Stripe's tax codes"
    )

    @field_validator("checkout_methods", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else given

    @field_validator("checkout_methods")
    @classmethod
    def _at_least_one(cls, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        # With none named the page would offer whatever the Stripe account has switched on.
        if not methods:
            raise ValueError(
                f"PENNYRAIL_CHECKOUT_METHODS needs at least one of {', '.join(get_args(Method))}"
            )
        return methods
