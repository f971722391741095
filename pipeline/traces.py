"""The way of single frames as OpenTelemetry traces: how long each waited where, and ran where.

A trace is a frame. Its first span, `capture`, goes from the arrival of the frame's last packet to
the moment at which it has been let in. Below it each node has `NAME wait`, its join and its link,
and `NAME run`, its stage, or `NAME write`, its sink. Only sampled frames are kept in mind. Without
`traces` in the config a node asks whether there is somebody to tell, and that is all it costs.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from pipeline.batch import Outcome
from pipeline.config.observe import TracesConfig
from sinks.sink import Delivery
from stages.errors import BadOptions
from stages.frame import Frame

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor  # pyright: ignore[reportMissingImports]

UNDER_WAY = 4096  # sampled frames that are kept in mind; older ones have left the graph long since
Key = tuple[str, int]


@dataclass(slots=True)
class _Way:
    """A sampled frame.

    context   what its spans stand below
    offset    nanoseconds from monotonic time to UTC, as they were when it came in
    arrivals  by node: monotonic seconds at which it came to wait there
    taken     by node: monotonic seconds at which its waiting ended
    """

    context: "Context"
    offset: int
    arrivals: dict[str, deque[float]] = field(default_factory=dict)
    taken: dict[str, deque[float]] = field(default_factory=dict)

    def at(self, moment: float) -> int:
        """A monotonic moment in nanoseconds of UTC."""
        return round(moment * 1e9) + self.offset


class Traces:
    """Hears from the capture threads and the nodes, and makes the spans. From any thread."""

    def __init__(
        self, processor: "SpanProcessor", sample: float, service: str, sinks: Sequence[str]
    ) -> None:
        """Spans go to `processor`.

        sample   share of the frames, in [0, 1]
        service  what the whole is called
        sinks    the nodes that write
        """
        sdk = import_module("opentelemetry.sdk.trace")  # an extra, and it takes a while
        sampling = import_module("opentelemetry.sdk.trace.sampling")
        resources = import_module("opentelemetry.sdk.resources")
        self._provider = sdk.TracerProvider(
            sampler=sampling.TraceIdRatioBased(sample),
            resource=resources.Resource.create({"service.name": service}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("framewire")
        self._verbs = dict.fromkeys(sinks, "write")
        self._ways: OrderedDict[Key, _Way] = OrderedDict()
        self._lock = threading.Lock()

    def entering(self, enter: Callable[[Frame], None]) -> Callable[[Frame], None]:
        """`enter`, and a span around it that begins when the frame arrived."""
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415

        def traced(frame: Frame) -> None:
            offset = time.time_ns() - time.monotonic_ns()
            began = round(frame.arrived * 1e9) + offset
            span = self._tracer.start_span("capture", start_time=began, attributes=_about(frame))
            if not span.is_recording():
                enter(frame)
                return
            span.add_event("decoded", timestamp=round(frame.decoded * 1e9) + offset)
            with self._lock:
                self._ways[frame.stream, frame.seq] = _Way(set_span_in_context(span), offset)
                if len(self._ways) > UNDER_WAY:
                    self._ways.popitem(last=False)
            try:
                enter(frame)
            finally:
                span.end(round(time.monotonic() * 1e9) + offset)

        return traced

    def waits(self, node: str, frame: Frame, now: float, *, once: bool) -> None:
        """A frame has come to a node; `once`: only the first time counts, at a join."""
        with self._lock:
            way = self._ways.get((frame.stream, frame.seq))
            if way is not None:
                since = way.arrivals.setdefault(node, deque())
                if not (once and since):
                    since.append(now)

    def taken(self, node: str, deliveries: Sequence[Delivery], now: float) -> None:
        """Frames have left a node's link to be worked on."""
        for delivery in deliveries:
            if (way := self._waited(node, delivery.frame, now)) is not None:
                with self._lock:
                    way.taken.setdefault(node, deque()).append(now)

    def let_go(self, node: str, frame: Frame, reason: str, now: float) -> None:
        """A frame ends at a node without having been worked on."""
        self._waited(node, frame, now, {"framewire.dropped": reason})

    def finished(
        self, node: str, deliveries: Sequence[Delivery], outcomes: Sequence[Outcome], now: float
    ) -> None:
        """What a node has worked on is done."""
        verb = self._verbs.get(node, "run")
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            frame = delivery.frame
            with self._lock:
                way = self._ways.get((frame.stream, frame.seq))
                since = way.taken.get(node) if way is not None else None
                began = since.popleft() if since else None
            if way is not None and began is not None:
                about: dict[str, str | int] = {"framewire.batch": len(deliveries)}
                if outcome.failed is not None:
                    about["framewire.failed"] = outcome.failed
                self._span(way, f"{node} {verb}", frame, (began, now), about)

    def close(self, limit: float) -> None:
        """Send what waits, for at most `limit` seconds. The last call."""
        # In a thread that nobody waits for: an exporter whose peer is away may take its time.
        closing = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        closing.start()
        closing.join(limit)

    def _waited(
        self, node: str, frame: Frame, now: float, about: Mapping[str, str | int] | None = None
    ) -> _Way | None:
        with self._lock:
            way = self._ways.get((frame.stream, frame.seq))
            since = way.arrivals.get(node) if way is not None else None
            began = since.popleft() if since else None
        if way is None or began is None:
            return None
        self._span(way, f"{node} wait", frame, (began, now), about or {})
        return way

    def _span(
        self,
        way: _Way,
        name: str,
        frame: Frame,
        times: tuple[float, float],
        about: Mapping[str, str | int],
    ) -> None:
        began, ended = times
        attributes = {**_about(frame), **about}
        span = self._tracer.start_span(
            name, way.context, attributes=attributes, start_time=way.at(began)
        )
        span.end(way.at(ended))


def _about(frame: Frame) -> dict[str, str | int]:
    return {"framewire.stream": frame.stream, "framewire.seq": frame.seq}


def traces_of(told: TracesConfig, sinks: Sequence[str]) -> Traces:
    """What a config asks for. Raises BadOptions where the packages for it are missing."""
    try:
        exporters = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        processors = import_module("opentelemetry.sdk.trace.export")
    except ModuleNotFoundError as error:
        raise BadOptions(
            f"traces: wanted the package {error.name}: pip install 'framewire[otel]'"
        ) from error
    exporter = exporters.OTLPSpanExporter(told.endpoint)
    return Traces(processors.BatchSpanProcessor(exporter), told.sample, told.service, sinks)
