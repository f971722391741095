"""Values that came from the environment, kept out of everything that a person may read.

A secret is shown as the reference that brought it in: `${CAMERA_PASSWORD}`. So a message still
tells which variable to look at.
"""

from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel

from stages.capture.mask import mask

WHOLE_BELOW = 6  # shorter ones, such as "auto" or "0", are hidden only where they stand alone


class Secrets:
    """The secrets of one config; nobody sees them by printing it."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Take what each variable holds, by its name."""
        self._names: dict[str, str] = {}
        self._long: list[str] = []
        for name, value in (values or {}).items():
            self._names.setdefault(value, f"${{{name}}}")
            for password in _passwords(value):
                self._names.setdefault(password, f"${{{name}}}")
        self.reveal("")

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(set(self._names.values())))})"

    def __bool__(self) -> bool:
        return bool(self._names)

    def reveal(self, value: str) -> None:
        """This one is no secret: it is there to be told."""
        self._names.pop(value, None)
        self._long = sorted(
            (v for v in self._names if len(v) >= WHOLE_BELOW), key=len, reverse=True
        )

    def mask(self, text: str) -> str:
        """The same text with each secret as its reference, and what is secret in URLs as ***."""
        if text in self._names:
            return self._names[text]
        for value in self._long:
            text = text.replace(value, self._names[value])
        return mask(text)

    def hide(self, model: BaseModel) -> None:
        """Make the `repr` of a config's object, and of all it holds, show no secret."""
        for name, value in list(model.__dict__.items()):
            object.__setattr__(model, name, self._hidden(value))  # frozen, but not for us

    def _hidden(self, value: object) -> object:
        if isinstance(value, BaseModel):
            self.hide(value)
        elif isinstance(value, str) and type(value) is str and self.mask(value) != value:
            return Hidden(value, self.mask(value))
        elif isinstance(value, tuple | list | frozenset | set) and type(value) in _PLAIN:
            return type(value)(self._hidden(item) for item in value)
        elif type(value) is dict:
            return {key: self._hidden(item) for key, item in value.items()}
        return value


class Hidden(str):
    """Text that is itself wherever it is used, and masked where it is printed for a person."""

    __slots__ = ("_shown",)
    _shown: str

    def __new__(cls, value: str, shown: str) -> Self:
        """`value` as it is used, `shown` as it is printed."""
        hidden = super().__new__(cls, value)
        hidden._shown = shown
        return hidden

    def __repr__(self) -> str:
        return repr(self._shown)

    def __reduce__(self) -> tuple[type["Hidden"], tuple[str, str]]:
        return Hidden, (str.__str__(self), self._shown)


_PLAIN = {tuple, list, set, frozenset}


def _passwords(value: str) -> list[str]:
    """The password of a URL, which may turn up alone in somebody's error message."""
    try:
        password = urlsplit(value).password
    except ValueError:  # an IPv6 address that is none
        return []
    return [password] if password else []
