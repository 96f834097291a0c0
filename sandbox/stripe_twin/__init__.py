"""A pretend Stripe on loopback, for the official SDK: crypto deposits, Checkout, events and webhooks.

`app(config)` is the web application; `start(folder, ...)` runs it as a process of its own.
"""

from sandbox.stripe_twin.control import Control
from sandbox.stripe_twin.models import Fault
from sandbox.stripe_twin.process import Twin, TwinDidNotStart, start
from sandbox.stripe_twin.server import app
from sandbox.stripe_twin.settings import Endpoint, TwinConfig
from sandbox.stripe_twin.switches import Switches

__all__ = [
    "app",
    "start",
    "Twin",
    "Control",
    "TwinConfig",
    "Endpoint",
    "Switches",
    "Fault",
    "TwinDidNotStart",
]
