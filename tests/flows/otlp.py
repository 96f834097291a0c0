"""A receiver of OTLP over HTTP, as small as it can be: it keeps every span it is sent."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Step:
    """A span that came."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    status: str
    attributes: dict[str, str]


@dataclass
class Collected:
    """Where spans are sent to, and what came."""

    url: str
    steps: list[Step] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def keep(self, body: bytes) -> None:
        """Keep the spans of one request."""
        self.raw.append(body)
        for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {each.key: each.value.string_value for each in of_service.resource.attributes}
            for scope in of_service.scope_spans:
                for span in scope.spans:
                    self.steps.append(
                        Step(
                            told["service.name"],
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            span.status.message,
                            {
                                each.key: each.value.string_value or str(each.value.int_value)
                                for each in span.attributes
                            },
                        )
                    )

    def of(self, trace_id: str) -> list[Step]:
        """The spans of one trace."""
        return [each for each in self.steps if each.trace_id == trace_id]


@contextmanager
def receiver() -> Iterator[Collected]:
    """Receive for as long as the block."""
    collected = Collected("")

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            collected.keep(body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    collected.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collected
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
