"""Options of nodes that are given other values while they run, until the process ends."""

import asyncio
import json
from collections.abc import Callable, Mapping

import structlog
from pydantic import BaseModel, ValidationError

from pipeline.config import ConfigError, PipelineConfig
from pipeline.config.document import Item, Mark
from pipeline.config.near import did_you_mean
from pipeline.config.outline import PRIVACY, upstream
from pipeline.config.report import Report
from pipeline.worker import Worker
from sinks.errors import Unchanged
from sinks.sink import Change, Setting
from stages.events import Event, Value
from stages.registry import find_stage

log = structlog.get_logger()

PATIENCE = 5.0  # seconds for which the batches at work may go on

NOWHERE = Mark(1, 1)  # a command has no lines


class Settings:
    """What the options of all nodes are now. The config stays as it was read."""

    def __init__(
        self,
        config: PipelineConfig,
        workers: Mapping[str, Worker],
        announce: Callable[[Event], None],
    ) -> None:
        """`workers` by node; there is one for each by the time of the first change."""
        self._config = config
        self._workers = workers
        self._announce = announce
        self._options = {name: box.options for name, box in config.graph.items()}
        self._guarding = _guarding(config)
        self._lock = asyncio.Lock()

    async def change(self, sink: str, asked: Change) -> tuple[Setting, Setting]:
        """Do what somebody asks for over a sink, between two batches, and announce it.

        returns  the values before and after
        raises   Unchanged with what was wanted and what was got
        """
        async with self._lock:  # each is checked against what the one before has left
            self._allow(sink, asked)
            now, key = self._options[asked.node], f"graph.{asked.node}.{asked.option}"
            wanted = self._checked(now, asked)
            before, after = _value(now, asked.option), _value(wanted, asked.option)
            if before == after:
                return before, after
            try:
                worker = self._workers[asked.node]
                await asyncio.to_thread(worker.retune, wanted, PATIENCE)
            except Exception as error:  # the stage boundary: it may raise anything
                raise Unchanged(f"{key}: {error or type(error).__name__}") from error
            self._options[asked.node] = wanted
        detail: dict[str, Value] = {
            "option": asked.option, "before": _told(before), "after": _told(after),
            "sink": sink, "command": asked.command, "by": asked.by,
        }  # fmt: skip
        log.info("setting changed", node=asked.node, **detail)
        self._announce(Event("setting.changed", asked.node, detail))
        return before, after

    def _allow(self, sink: str, asked: Change) -> None:
        """Raise Unchanged where nobody may change that over this sink."""
        box = self._config.graph.get(asked.node)
        if box is None:
            near = did_you_mean(asked.node, self._config.graph)
            raise Unchanged(f"no node is called {asked.node!r}; {near}")
        name, option = f"graph.{asked.node}", asked.option
        mine = self._config.streams_of(sink)
        if others := [one for one in self._config.streams_of(asked.node) if one not in mine]:
            raise Unchanged(
                f"{name}: wanted a node of the streams of {sink} alone, got one that looks at "
                f"{others[0]} too"
            )
        if guard := self._guarding.get(asked.node):
            got = "one itself" if guard == asked.node else f"one before {guard}"
            raise Unchanged(
                f"{name}: wanted a node on which no privacy node depends, got {got}: no command "
                "may change what is hidden"
            )
        live = find_stage(box.stage, self._config.folder).live
        if option not in type(box.options).model_fields:
            raise Unchanged(f"{name}: unknown key {option!r}; {did_you_mean(option, live)}")
        if option not in live:
            told = f"of {', '.join(sorted(live))}" if live else "of none"
            raise Unchanged(
                f"{name}.{option}: wanted an option that can change while it runs, {told}, got "
                f"{option!r}"
            )

    def _checked(self, now: BaseModel, asked: Change) -> BaseModel:
        """The options with another value. Raises Unchanged with what is said of a config."""
        try:
            told = {**now.model_dump(exclude_unset=True), asked.option: asked.value}
            return type(now).model_validate(told)
        except ValidationError as error:
            report = Report(self._config.folder)
            report.secrets = self._config.secrets
            said = _holding({asked.option: _tree(asked.value)})
            report.root = _holding({"graph": _holding({asked.node: said})})
            report.invalid(("graph", asked.node), error, type(now))
            try:
                report.raise_if_any()
            except ConfigError as found:
                raise Unchanged("; ".join(map(str, found.mistakes))) from None
            raise


def _guarding(config: PipelineConfig) -> Mapping[str, str]:
    """By node: the privacy node that hides less, or other things, if that node finds less."""
    outlines = [one for one in config.outlines() if one.section == "graph"]
    nodes = {one.name: one for one in outlines}
    guards = [one for one in outlines if one.kind == PRIVACY]
    return {name: guard.name for guard in guards for name in {guard.name, *upstream(guard, nodes)}}


def _value(options: BaseModel, option: str) -> Setting:
    value: Setting = options.model_dump(mode="json")[option]
    return value


def _told(value: Setting) -> Value:
    """As a detail of an event has it."""
    return json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else value


def _tree(value: Setting) -> Item:
    """What was said, as if it stood in a file."""
    if not isinstance(value, Mapping):
        return Item(value, NOWHERE)
    return _holding({key: _tree(one) for key, one in value.items()})


def _holding(inner: Mapping[str, Item]) -> Item:
    return Item(inner, NOWHERE, dict.fromkeys(inner, NOWHERE))
