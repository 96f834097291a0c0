"""Headers that stand in a request without its sender: what browsers, proxies and tracers write there.

A number of a trace is that of a card once in fifty times, and the hash of a certificate looks like a private
key, so these headers are not searched for what comes about by chance. None of them is kept or logged.
"""

import re
from typing import Final

# Hashes, certificates, tokens and names of versions: that is what they are there for.
_OPAQUE: Final = frozenset(
    {
        # A client's library and its cache.
        *("accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection"),
        *("content-digest", "content-length", "content-type", "cookie", "digest", "dnt", "host", "if-match"),
        *("if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-event-id", "origin"),
        *("pragma", "range", "referer", "repr-digest", "signature", "signature-input", "te"),
        *("transfer-encoding", "upgrade-insecure-requests", "user-agent", "want-content-digest"),
        *("want-repr-digest", "x-amz-content-sha256"),
        # The certificate of whoever connected to a proxy: Envoy, RFC 9440, nginx, AWS, Azure, Traefik.
        *("x-forwarded-client-cert", "client-cert", "client-cert-chain", "ssl-client-cert"),
        *("ssl-client-fingerprint", "x-ssl-client-cert", "x-client-cert", "x-arr-clientcert"),
        *("x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info"),
        # The identity that a gateway has found out, as a signed token.
        *("cf-access-jwt-assertion", "x-goog-iap-jwt-assertion", "x-forwarded-access-token"),
    }
)
_OPAQUE_BEGINNINGS: Final = (
    *("sec-", "x-amzn-mtls-", "x-amzn-oidc-", "x-envoy-peer-metadata", "x-ms-client-principal"),
    *("x-ms-token-",),
)
# Numbers of traces, requests and connections.
_IDS: Final = frozenset(
    {
        *("b3", "baggage", "cdn-loop", "cf-ray", "forwarded", "grpc-trace-bin", "newrelic", "traceparent"),
        *("tracestate", "uber-trace-id", "via", "x-amz-cf-id", "x-azure-fdid", "x-azure-ref", "x-trace"),
        *("x-varnish", "x-vercel-id"),
    }
)
_ID_BEGINNINGS: Final = (
    *("cf-", "elastic-apm-", "fastly-", "ot-", "sentry-", "uberctx-", "x-akamai-", "x-amzn-", "x-appengine-"),
    *("x-b3-", "x-cloud-trace-", "x-datadog-", "x-dynatrace", "x-envoy-", "x-forwarded-", "x-instana-"),
    *("x-newrelic-", "x-ot-"),
)
# `request-id`, `x-correlation-id`, `x-acme-traceid` and whatever else a tracer calls its numbers.
_ID_ENDING: Final = re.compile(r"(?:^|-)(?:correlation|parent|ray|request|span|trace)-?id$")


def is_opaque(name: str) -> bool:
    """Whether a header of this name, in small letters, holds hashes, certificates or tokens by its nature."""
    return name in _OPAQUE or name.startswith(_OPAQUE_BEGINNINGS)


def numbers_something(name: str) -> bool:
    """Whether a header of this name, in small letters, tells which trace, request or connection this is."""
    return name in _IDS or name.startswith(_ID_BEGINNINGS) or _ID_ENDING.search(name) is not None
