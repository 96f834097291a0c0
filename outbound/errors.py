"""Expected failures of telling others.

OutboundError
├── Undelivered               one try came to nothing; `code` is the class that the delivery log shows
│   ├── TimedOut              timeout: not connected, sent and answered in time
│   ├── NotResolved           dns: the name has no address
│   ├── ForbiddenAddress      forbidden_address: the name leads where we do not send
│   ├── NotConnected          connect
│   ├── BadTls                tls: no handshake, or a certificate that is not good for the name
│   ├── BadAnswer             protocol: what came back is not HTTP, or it was cut off
│   └── SecretUnreadable      secret_unreadable: encrypted under a key that this process was not given
├── ForbiddenUrl              an address that no endpoint may have
├── NoKey                     no key is set under which secrets could be kept
├── BadEventType              no such type of event
├── NoSuchEndpoint
└── NoSuchEvent
"""

from typing import ClassVar


class OutboundError(Exception):
    """Root of the tree. `code` is stable."""

    code: ClassVar[str] = "outbound_error"


class Undelivered(OutboundError):
    """One try came to nothing."""

    code = "undelivered"


class TimedOut(Undelivered):
    """Not connected, sent and answered in time."""

    code = "timeout"


class NotResolved(Undelivered):
    """The name has no address."""

    code = "dns"


class ForbiddenAddress(Undelivered):
    """The name leads where we do not send."""

    code = "forbidden_address"


class NotConnected(Undelivered):
    """Nobody took the connection."""

    code = "connect"


class BadTls(Undelivered):
    """No handshake, or a certificate that is not good for the name."""

    code = "tls"


class BadAnswer(Undelivered):
    """What came back is not HTTP, or it was cut off."""

    code = "protocol"


class SecretUnreadable(Undelivered):
    """A secret is encrypted under a key that this process was not given."""

    code = "secret_unreadable"


class ForbiddenUrl(OutboundError):
    """An address that no endpoint may have. The message says why and never repeats it."""

    code = "forbidden_url"


class NoKey(OutboundError):
    """No key is set under which secrets could be kept."""

    code = "no_webhook_key"


class BadEventType(OutboundError):
    """No such type of event."""

    code = "bad_event_type"


class NoSuchEndpoint(OutboundError):
    """No endpoint has this id."""

    code = "no_such_endpoint"


class EndpointDisabled(OutboundError):
    """Nothing is sent to a disabled endpoint."""

    code = "endpoint_disabled"


class NoSuchEvent(OutboundError):
    """No event has this id."""

    code = "no_such_event"
