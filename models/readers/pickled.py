"""Reads the pickles in PyTorch's files without running them.

A pickle is a program for a small stack machine, and some of its steps call whatever function it
names. Here the steps are taken by a machine of our own that has only those that PyTorch's state
dicts need; a function is a name and nothing else. The names that are known make tensors, storages
and dicts, as data; any other is an error.
"""

import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import IO, BinaryIO, NoReturn, cast

from models.readers.stored import Checks
from models.readers.torch_values import DICT, KNOWN, PARAMETER, TENSORS, Maker, Name, Tensor

# A state dict takes about 40 steps for each tensor and 20 for each module.
MOST_STEPS = 500_000
LONGEST_ARGUMENT = 1 << 20  # bytes of one step: the longest are names
LONGEST_PICKLE = 64 << 20  # bytes; a state dict takes some 200 for each tensor
LARGEST_NUMBER = 80  # bits; that is the container's magic number


class _Mark:
    """What the step MARK leaves on the stack."""


CONSTANTS: Mapping[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": _Mark,
}
# Steps that put their own argument on the stack; those of protocol 0 are not among them.
LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"),
}
NOTHING = {"PROTO", "FRAME"}
PUTS = {"BINPUT", "LONG_BINPUT"}
GETS = {"BINGET", "LONG_BINGET"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Bounded:
    """A file whose single reads are short: a lying length is refused before anything is allocated.

    Looks like a file as far as `pickletools` goes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = LONGEST_PICKLE
        self.tell = file.tell

    def read(self, length: int) -> bytes:
        if length > LONGEST_ARGUMENT:
            raise ValueError(f"a step with {length} bytes")
        return self._counted(self._file.read(length))

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"more than {LONGEST_PICKLE} bytes")
        return data

    def readline(self) -> bytes:
        line = self._counted(self._file.readline(LONGEST_ARGUMENT))
        if b"\\" in line:  # an escape, which no name has
            raise ValueError("a line with a backslash")
        return line


def unpickle(file: BinaryIO, checks: Checks, where: str) -> object:
    """What the next pickle of `file` describes: dicts, lists, tuples, numbers, text, tensors.

    file    left behind the pickle's last byte
    raises  BadWeights if the pickle has any other step or name, or is broken
    """
    machine = _Machine(checks, where)
    try:
        for number, (step, argument) in enumerate(_steps(file)):
            if number > MOST_STEPS:
                checks.fail(where, f"at most {MOST_STEPS} steps", "more")
            if step == "STOP":
                return machine.pop()
            machine.take(step, argument)
    except (ValueError, IndexError) as error:
        checks.fail(where, "a whole pickle", str(error))
    return checks.fail(where, "a pickle with an end", "none")


def _steps(file: BinaryIO) -> Iterator[tuple[str, object]]:
    for code, argument, _ in pickletools.genops(cast("IO[bytes]", _Bounded(file))):
        yield code.name, argument


class _Machine:
    def __init__(self, checks: Checks, where: str) -> None:
        self._checks = checks
        self._where = where
        self._maker = Maker(checks, where)
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._items = MOST_STEPS  # of all dicts: the same pairs may be asked for again and again
        self._steps: dict[str, Callable[[], None]] = {
            "APPEND": self._append,
            "APPENDS": self._append_all,
            "SETITEM": self._set,
            "SETITEMS": self._set_all,
            "TUPLE": lambda: self._push(tuple(self._down_to_mark())),
            "REDUCE": self._call,
            "BUILD": self._build,
            "BINPERSID": lambda: self._push(self._maker.storage(self.pop())),
            "STACK_GLOBAL": self._name_on_stack,
            "MEMOIZE": lambda: self._put(len(self._memo)),
        }

    def take(self, step: str, argument: object) -> None:
        if step in NOTHING:
            return
        if step in LITERALS:
            if isinstance(argument, int) and argument.bit_length() > LARGEST_NUMBER:
                self._fail(f"numbers of at most {LARGEST_NUMBER} bits", "a larger one")
            self._push(argument)
        elif step in CONSTANTS:
            self._push(CONSTANTS[step]())
        elif step in PUTS and isinstance(argument, int):
            self._put(argument)
        elif step in GETS and isinstance(argument, int) and argument in self._memo:
            self._push(self._memo[argument])
        elif step in TUPLES:
            values = [self.pop() for _ in range(TUPLES[step])]
            self._push(tuple(reversed(values)))
        elif step == "GLOBAL":
            self._push(self._name(str(argument)))
        elif step in self._steps:
            self._steps[step]()
        else:
            self._fail("steps that make tensors, dicts and numbers", f"{step} {argument}")

    def pop(self) -> object:
        if not self._stack or isinstance(self._stack[-1], _Mark):
            self._fail("a value", "none: the pickle is broken")
        return self._stack.pop()

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _put(self, index: int) -> None:
        self._push(top := self.pop())
        self._memo[index] = top

    def _down_to_mark(self) -> list[object]:
        above: list[object] = []
        while self._stack:
            if isinstance(value := self._stack.pop(), _Mark):
                above.reverse()
                return above
            above.append(value)
        return self._fail("a mark", "none: the pickle is broken")

    def _name(self, name: str) -> Name:
        if name not in KNOWN:
            self._fail("only tensors, dicts and numbers", f"something of the class {name}")
        return Name(name)

    def _name_on_stack(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            self._fail("a name that is text", type(name).__name__)
        self._push(self._name(f"{module} {name}"))

    def _append(self) -> None:
        value = self.pop()
        self._list().append(value)

    def _append_all(self) -> None:
        values = self._down_to_mark()
        self._list().extend(values)

    def _list(self) -> list[object]:
        self._push(found := self.pop())
        if not isinstance(found, list):
            self._fail("a list", type(found).__name__)
        return found

    def _set(self) -> None:
        value, key = self.pop(), self.pop()
        self._set_items([key, value])

    def _set_all(self) -> None:
        self._set_items(self._down_to_mark())

    def _set_items(self, items: list[object]) -> None:
        self._push(found := self.pop())
        if not isinstance(found, dict) or len(items) % 2:
            self._fail("a dict, keys and values", type(found).__name__)
        self._fill(found, list(zip(items[::2], items[1::2], strict=True)))

    def _fill(self, found: dict[object, object], items: list[tuple[object, object]]) -> None:
        self._items -= len(items)
        if self._items < 0:
            self._fail(f"at most {MOST_STEPS} items of dicts", "more")
        for key, value in items:
            if not isinstance(key, str | int):
                self._fail("keys that are text or whole numbers", type(key).__name__)
            if key in found:
                self._fail(f"{key!r} once", "twice")
            found[key] = value

    def _call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            self._fail("a call of a known name", f"one of {type(function).__name__}")
        first = arguments[0] if arguments else None
        if function.name in TENSORS:
            self._push(self._maker.tensor(arguments))
        elif function.name == DICT:
            self._push(self._dict(arguments))
        elif isinstance(first, Tensor if function.name == PARAMETER else tuple):
            self._push(first)
        else:
            self._fail(f"{function.name} of what belongs to it", type(first).__name__)

    def _dict(self, arguments: tuple[object, ...]) -> dict[object, object]:
        """An OrderedDict: empty and filled later, or (Python 2) of a list of pairs."""
        made: dict[object, object] = {}
        pairs = arguments[0] if len(arguments) == 1 else []
        if len(arguments) > 1 or not isinstance(pairs, list):
            self._fail("an OrderedDict of a list of pairs", type(pairs).__name__)
        for pair in pairs:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                self._fail("an OrderedDict of a list of pairs", type(pair).__name__)
            self._fill(made, [(pair[0], pair[1])])
        return made

    def _build(self) -> None:
        """The attributes of a state dict, `_metadata`: versions of modules, of no use here."""
        self.pop()
        self._push(found := self.pop())
        if not isinstance(found, dict):
            self._fail("attributes of a state dict", f"those of {type(found).__name__}")

    def _fail(self, wanted: str, got: object) -> NoReturn:
        self._checks.fail(self._where, wanted, got)
