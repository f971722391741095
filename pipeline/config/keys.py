"""The keys that a model knows, as they are written in a config."""

from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.config.errors import Step


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model, by the key under which a config has them."""
    return {
        str(field.validation_alias or field.alias or name): field
        for name, field in model.model_fields.items()
    }


def keys_below(model: type[BaseModel], steps: Sequence[Step]) -> set[str]:
    """The keys that are known some steps below a model; empty where that cannot be told."""
    models = [model]
    for step in steps:
        fields = [keys_of(m)[step] for m in models if isinstance(step, str) and step in keys_of(m)]
        if fields:
            models = [inner for field in fields for inner in models_in(field.annotation)]
        # Any other step is an index, a free key or an arm of a union: the models stay the same.
    return {key for m in models for key in keys_of(m)}


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that are named somewhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)
