"""From a file to a config, or to everything that is wrong with it."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from pipeline.config.boxes import (
    NodeConfig,
    NodeKeys,
    PipelineConfig,
    SinkConfig,
    SinkKeys,
    StreamConfig,
    StreamKeys,
    narrow,
)
from pipeline.config.custom import KEY, CustomStages, switch_of
from pipeline.config.document import BYTES_MAX, NotYaml, compose
from pipeline.config.environment import Environment, process_environment
from pipeline.config.errors import Step
from pipeline.config.http import HttpConfig, http_problems
from pipeline.config.near import did_you_mean
from pipeline.config.observe import EventsConfig, TracesConfig
from pipeline.config.options import Entry, look_up, plain, read_entry
from pipeline.config.outline import CAPTURE, Outline, Problem, problems, reach, unread
from pipeline.config.part import Part
from pipeline.config.parts import PartError, Parts, installed_parts
from pipeline.config.report import Report
from pipeline.config.secrets import Secrets
from pipeline.config.sources import replace_sources
from stages.capture.mask import mask
from stages.capture.options import CaptureOptions
from stages.stage import Stage

SECTIONS = ("streams", "graph", "sinks", "http", "events", "traces")
ENTRIES_MAX = 1000  # of one section

_NAME = re.compile(r"[a-z0-9_-]{1,64}")

Kept = TypeVar("Kept", bound=Part)
Box = TypeVar("Box", StreamConfig, NodeConfig, SinkConfig)


def load_config(
    path: Path,
    environ: Mapping[str, str] | None = None,
    *,
    sources: Sequence[str] = (),
    parts: Parts | None = None,
) -> PipelineConfig:
    """Read a config and check all of it.

    environ  where `${NAME}` is looked up; the process's own, if left out
    sources  other sources for its streams: `URL` for all of them, `name=URL` for one
    parts    where stages, sinks and models are looked up; the installed ones, if left out
    raises   ConfigError with everything that is wrong
    """
    report = Report(path)
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        report.at(None, f"wanted a file that can be read, got: {error.strerror or error}")
        report.raise_if_any()
        raise
    return parse_config(data, path, environ, sources=sources, parts=parts)


def parse_config(
    data: bytes,
    path: Path,
    environ: Mapping[str, str] | None = None,
    *,
    sources: Sequence[str] = (),
    parts: Parts | None = None,
) -> PipelineConfig:
    """The same for the bytes of a file; `path` names it in messages and gives its folder."""
    report = Report(path)
    environ = process_environment() if environ is None else environ
    _read_tree(report, data, environ, sources)
    reader = _Reader(report, path.parent, parts or installed_parts(), switch_of(environ))
    config = reader.config()
    report.raise_if_any()
    if config is None:
        raise AssertionError("a config without a mistake, and yet none")
    report.secrets.reveal(config.http.listen or "")
    config.keep_secret(report.secrets)
    config.keep_digest(hashlib.sha256(data).hexdigest())
    return config


def _read_tree(
    report: Report, data: bytes, environ: Mapping[str, str], sources: Sequence[str]
) -> None:
    try:
        root, faults = compose(data)
    except NotYaml as error:
        report.at(error.fault.mark, error.fault.text)
        report.raise_if_any()
        raise
    for fault in faults:
        report.at(fault.mark, fault.text)
    environment = Environment(environ, report.at)
    report.root = environment.fill(replace_sources(root, sources, report))
    report.secrets = Secrets(environment.used)


KEYS = {"graph": "stage", "sinks": "sink"}
"""Where the kind of a box stands."""


class _Reader:
    """Reads the sections of one file, and goes on after a mistake."""

    def __init__(self, report: Report, folder: Path, parts: Parts, switch: str) -> None:
        self._report = report
        self._folder = folder
        self._parts = parts
        top = plain(report.root) if report.root else None
        self._top: dict[str, object] = top if isinstance(top, dict) else {}
        if not isinstance(top, dict):
            report.key((), f"wanted a mapping with {', '.join(SECTIONS)}, got {report.show(top)}")
        self._custom = self._custom_stages(switch)

    def config(self) -> PipelineConfig | None:
        """The config, or None after a mistake."""
        if not self._top:
            return None
        for key in self._top:
            if key not in (*SECTIONS, KEY) and not key.startswith("x-"):
                near = did_you_mean(key, (*SECTIONS, KEY))
                self._report.key((key,), f"unknown key {key!r}; {near}")
        streams = {name: self._stream(name, data) for name, data in self._section("streams")}
        if "streams" not in self._top:
            self._report.key((), "wanted the key 'streams', got none")
        elif self._top["streams"] in (None, {}):
            self._report.key(("streams",), "wanted at least one stream, got none")
        graph = {name: self._node(name, data) for name, data in self._section("graph")}
        sinks = {name: self._sink(name, data) for name, data in self._section("sinks")}
        http = self._http()
        events = self._kept(EventsConfig, "events")
        traces = self._kept(TracesConfig, "traces")
        found = self._problems(tuple(streams), graph)
        found += http_problems(http, tuple(streams)) if http else ()
        for problem in found:
            self._report.key(problem.path, problem.text, value=len(problem.path) > 2)
        if http is None or None in (*streams.values(), *graph.values(), *sinks.values()):
            return None
        try:
            return PipelineConfig.model_validate(
                {"streams": streams, "graph": graph, "sinks": sinks, "http": http}
                | {"folder": self._folder, "events": events, "traces": traces}
            )
        except ValidationError:
            self._report.raise_if_any()
            raise

    def _problems(
        self, streams: tuple[str, ...], graph: Mapping[str, NodeConfig | None]
    ) -> list[Problem]:
        outlines = self._outlines()
        wrong = list(problems(outlines, streams))
        if not wrong:
            read = {name: box for name, box in graph.items() if box is not None}
            wrong += narrow(read, reach(outlines, streams))
        if not wrong and not self._report.mistaken:  # else somebody was to look, and is misread
            wrong += unread(outlines, streams)
        return wrong

    def _section(self, section: str) -> list[tuple[str, object]]:
        data = self._top.get(section)
        if data is None:
            return []
        if not isinstance(data, dict):
            shown = self._report.show(data)
            self._report.key((section,), f"wanted a mapping of names, got {shown}", value=True)
            return []
        if len(data) > ENTRIES_MAX:
            self._report.key((section,), f"wanted at most {ENTRIES_MAX}, got {len(data):,}")
            return []
        for name in data:
            if not _NAME.fullmatch(name):
                shown = self._report.show(name)
                self._report.key(
                    (section, name),
                    f"wanted a name of at most 64 of a-z, 0-9, '_' and '-', got {shown}",
                )
        return list(data.items())

    def _stream(self, name: str, data: object) -> StreamConfig | None:
        data = {"source": data} if isinstance(data, str) else data
        entry = read_entry(
            self._report, ("streams", name), data, StreamKeys, lambda: CaptureOptions
        )
        if entry is None:
            return None
        stream = _joined(StreamConfig, entry)
        self._source(("streams", name, "source"), stream.options)
        return stream

    def _source(self, path: tuple[Step, ...], options: CaptureOptions) -> None:
        """Look whether there is something to capture."""
        source = options.source
        try:
            self._parts.source(options, self._folder)
        except (*PartError, OSError) as error:
            text = str(error).removeprefix("source: ")
            if self._report.secrets.mask(source) != mask(source):
                # A message may hold a part of it, or a form that no masking finds again.
                shown = self._report.show(source)
                text = f"wanted a source that is there, got {shown}, from the environment"
            self._report.key(path, text, value=True)

    def _node(self, name: str, data: object) -> NodeConfig | None:
        path = ("graph", name)
        options = look_up(
            self._report, path, data, "stage", lambda stage: self._stage(stage).Options
        )
        own = options()
        entry = read_entry(self._report, path, data, NodeKeys, lambda: own)
        if own is not None and isinstance(data, dict) and "model" in own.model_fields:
            self._model((*path, "model"), data.get("model", own.model_fields["model"].default))
        return None if entry is None else _joined(NodeConfig, entry)

    def _stage(self, name: str) -> type[Stage]:
        self._custom.check(name)  # before its file is run
        return self._parts.stage(name, self._folder)

    def _custom_stages(self, switch: str) -> CustomStages:
        told = self._top.get(KEY)
        try:
            return CustomStages(told, self._folder, switch)
        except ValueError as error:
            self._report.key((KEY,), f"{error}, got {self._report.show(told)}", value=True)
            return CustomStages(False, self._folder)

    def _model(self, path: tuple[Step, ...], name: object) -> None:
        """Look whether a model is ready; its name may be wrong in other ways, told elsewhere."""
        if isinstance(name, str):
            try:
                self._parts.model(name, self._folder)
            except (*PartError, OSError) as error:
                self._report.key(path, str(error), value=True)

    def _sink(self, name: str, data: object) -> SinkConfig | None:
        path = ("sinks", name)
        options = look_up(self._report, path, data, "sink", lambda s: self._parts.sink(s).Options)
        entry = read_entry(self._report, path, data, SinkKeys, options)
        return None if entry is None else _joined(SinkConfig, entry)

    def _http(self) -> HttpConfig | None:
        data = self._top.get("http")
        try:
            http = HttpConfig() if data is None else HttpConfig.model_validate(data)
        except ValidationError as error:
            self._report.invalid(("http",), error, HttpConfig)
            return None
        if http.tls is not None:
            try:
                self._parts.certificate(http.tls, self._folder)
            except OSError as error:
                self._report.key(("http", "tls"), str(error).removeprefix("tls: "), value=True)
        return http

    def _kept(self, model: type[Kept], section: str) -> Kept | None:
        """What a section says that may be left out; None after a mistake, too."""
        data = self._top.get(section)
        try:
            return None if data is None else model.model_validate(data)
        except ValidationError as error:
            self._report.invalid((section,), error, model)
            return None

    def _outlines(self) -> list[Outline]:
        return [*self._outlined("graph"), *self._outlined("sinks")]

    def _outlined(self, section: str) -> Iterator[Outline]:
        data = self._top.get(section)
        for name, entry in data.items() if isinstance(data, dict) else ():
            keys = entry if isinstance(entry, dict) else {}
            usual = (CAPTURE,) if section == "graph" else None
            when = keys.get("when")
            yield Outline(
                name,
                section,
                _names(keys["from"]) if "from" in keys else usual,
                _names(keys.get("streams")),
                when if isinstance(when, str) else None,
                kind if isinstance(kind := keys.get(KEYS[section]), str) else None,
                keys.get("unguarded") is True,
                _names(keys.get("recent")) or (),
            )


def _joined(config: type[Box], entry: Entry) -> Box:
    keys = {name: getattr(entry.keys, name) for name in entry.keys.model_fields_set}
    return config.model_validate({**keys, "options": entry.options})


def _names(data: object) -> tuple[str, ...] | None:
    """A name or a list of names; None if it is neither."""
    if isinstance(data, str):
        return (data,)
    if isinstance(data, list) and all(isinstance(name, str) for name in data):
        return tuple(data)
    return None
