"""Another source for a stream than the one in its config: `--source URL`, `--source NAME=URL`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.config.document import Item
from pipeline.config.near import did_you_mean
from pipeline.config.report import Report

_NAMED = re.compile(r"(?P<name>[a-z0-9_-]{1,64})=(?P<source>.+)", re.DOTALL)


def replace_sources(root: Item, sources: Sequence[str], report: Report) -> Item:
    """The same tree with other sources.

    sources  each a URL or path for every stream, or `name=` and one for that stream; the later
             one wins
    """
    streams = root.value.get("streams") if isinstance(root.value, Mapping) else None
    if streams is None or not isinstance(streams.value, Mapping):
        return root
    changed = dict(streams.value)
    for given in sources:
        match = _NAMED.fullmatch(given)
        names = [match["name"]] if match else list(changed)
        source = (match["source"] if match else given).replace("${", "$${")
        for name in names:
            if name in changed:
                changed[name] = _with_source(changed[name], source)
            else:
                report.at(None, f"--source: no stream {name!r}; {did_you_mean(name, changed)}")
    return _with(root, "streams", replace(streams, value=changed))


def _with_source(stream: Item, source: str) -> Item:
    return _with(stream, "source", Item(source, stream.mark))


def _with(item: Item, key: str, value: Item) -> Item:
    if not isinstance(item.value, Mapping):
        return value
    keys = {**item.keys, key: item.keys.get(key, value.mark)}
    return replace(item, value={**item.value, key: value}, keys=keys)
