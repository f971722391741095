"""One entry of a config, split into the keys that all of its kind have and those of its class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.config.document import Item
from pipeline.config.errors import Step
from pipeline.config.keys import keys_of
from pipeline.config.near import did_you_mean, looks_like
from pipeline.config.parts import PartError
from pipeline.config.report import Report


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that has been read without a mistake.

    keys     those that all of its kind have
    options  those of its own class
    """

    keys: BaseModel
    options: BaseModel


def plain(item: Item) -> object:
    """The tree as lists and dicts."""
    if isinstance(item.value, Mapping):
        return {key: plain(value) for key, value in item.value.items()}
    if isinstance(item.value, tuple):
        return [plain(value) for value in item.value]
    return item.value


def read_entry(
    report: Report,
    path: tuple[Step, ...],
    data: object,
    model: type[BaseModel],
    options_of: Callable[[], type[BaseModel] | None],
) -> Entry | None:
    """Read one stream, node or sink.

    data        its keys and values
    model       of the keys that all of its kind have
    options_of  gives the model of its other keys, or None if its class is not known; it may raise
                one of `PartError`
    returns     None if something was wrong with it; the report has it all
    """
    if not isinstance(data, dict):
        report.key(path, f"wanted a mapping, got {report.show(data)}", value=True)
        return None
    shared = set(keys_of(model))
    common = {key: value for key, value in data.items() if key in shared}
    rest = {key: value for key, value in data.items() if key not in shared}
    own = options_of()
    known = shared | set(keys_of(own) if own else ())
    if own and own.model_config.get("extra") != "allow":
        for key in [key for key in rest if key not in known]:
            report.key((*path, key), f"unknown key {key!r}; {did_you_mean(key, known)}")
            del rest[key]
    elif own is None:
        # Its class is not known, so only what looks like a slip of the keys of all can be named.
        for key in rest:
            if looks_like(key, shared):
                report.key((*path, key), f"unknown key {key!r}; {did_you_mean(key, shared)}")
    keys = _validated(report, path, model, common)
    options = _validated(report, path, own, rest) if own else None
    return Entry(keys, options) if keys is not None and options is not None else None


def look_up(
    report: Report,
    path: tuple[Step, ...],
    data: object,
    key: str,
    find: Callable[[str], type[BaseModel]],
) -> Callable[[], type[BaseModel] | None]:
    """The options of the class that an entry names under `key`, reporting a name nobody knows."""

    def options_of() -> type[BaseModel] | None:
        name = data.get(key) if isinstance(data, dict) else None
        if not isinstance(name, str) or not name:
            return None
        try:
            return find(name)
        except PartError as error:
            report.key((*path, key), str(error), value=True)
            return None

    return options_of


Model = TypeVar("Model", bound=BaseModel)


def _validated(
    report: Report,
    path: tuple[Step, ...],
    model: type[Model],
    data: dict[str, object],
) -> Model | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        report.invalid(path, error, model)
        return None
