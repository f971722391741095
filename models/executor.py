"""What every session can do, whichever engine runs the file behind it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from models.class_count import wrong_labels
from models.errors import BadModel, BadShape
from models.spec import CONTRACTS, ModelSpec, Port

Array = NDArray[np.generic]


class Session(Protocol):
    """A model on a device. Made by `open_session`; safe to run from several threads at once.

    path      of the ONNX file
    device    what it really runs on: "cpu", "cuda:0", "tensorrt:0"
    threads   of the CPU, that one run uses at most
    inputs    by name; one that may be left out is not `required`
    outputs   by name
    metadata  what the writer of the file put in: text by name
    """

    path: Path
    device: str
    threads: int
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    metadata: Mapping[str, str]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """One pass. Blocks, without holding the GIL.

        feeds    an array for every required input, of its dtype and shape
        returns  every output by name, on the CPU
        raises   BadShape naming an input, what was wanted and what was got
        """
        ...

    def check_against(self, spec: ModelSpec) -> None:
        """Hold the file to its spec and to the contract of its task.

        raises  BadModel naming the file, the input or output, what was wanted and what was got
        """
        contract = CONTRACTS[spec.task]
        image = Port("image", "uint8", ("B", spec.input.height, spec.input.width, 3))
        sizes = {"C": len(spec.labels)}
        if spec.points:
            sizes["K"] = len(spec.points)
        pictures = (image,) if contract.image else ()
        wanted_inputs = {port.name: port for port in (*pictures, *contract.inputs)}
        for port in wanted_inputs.values():
            self._check_port("input", port, self.inputs, sizes)
        for name, port in self.inputs.items():
            if port.required and name not in wanted_inputs:
                self._fail(f"input {name}", f"none but {', '.join(wanted_inputs)}", "it as well")
        for port in contract.outputs:
            self._check_port("output", port, self.outputs, sizes)
        if spec.points and "points" not in self.outputs:
            self._fail("output points", "one, for the spec's key points", "none")

    def _check_port(
        self, kind: str, wanted: Port, ports: Mapping[str, Port], sizes: Mapping[str, int]
    ) -> None:
        if wanted.name not in ports:
            if wanted.required:
                self._fail(f"{kind} {wanted.name}", "one", f"only {', '.join(ports)}")
            return
        got = ports[wanted.name]
        # A letter of the file fits anything; a number has to be the right one. The batch has to be
        # a letter: a model for one picture at a time cannot be given several.
        odd = [
            (want, have)
            for want, have in zip(wanted.shape, got.shape, strict=False)
            if isinstance(have, int)
            and (want == "B" or have != (sizes.get(want, have) if isinstance(want, str) else want))
        ]
        fits = len(got.shape) == len(wanted.shape) and not odd
        if [want for want, _ in odd] == ["C"] and got.dtype == wanted.dtype:
            raise BadModel(f"{self.path}: {wrong_labels(odd[0][1], sizes['C'])}")
        if not fits or got.dtype != wanted.dtype:
            known = tuple(sizes.get(n, n) if isinstance(n, str) else n for n in wanted.shape)
            self._fail(
                f"{kind} {wanted.name}", words(wanted.dtype, known), words(got.dtype, got.shape)
            )

    def check_feeds(self, feeds: Mapping[str, Array]) -> None:
        """Raise BadShape where an input is missing, unknown or of another shape or dtype."""
        for name, port in self.inputs.items():
            if port.required and name not in feeds:
                raise BadShape(f"{self.path.name}: input {name}: wanted an array, got none")
        for name, array in feeds.items():
            if name not in self.inputs:
                known = ", ".join(self.inputs)
                raise BadShape(f"{self.path.name}: wanted inputs among {known}, got {name}")
            port = self.inputs[name]
            fits = array.ndim == len(port.shape) and all(
                isinstance(want, str) or want == have
                for want, have in zip(port.shape, array.shape, strict=True)
            )
            if not fits or array.dtype != port.dtype:
                raise BadShape(
                    f"{self.path.name}: input {name}: wanted {words(port.dtype, port.shape)}, "
                    f"got {words(array.dtype.name, array.shape)}"
                )

    def _fail(self, where: str, wanted: str, got: str) -> NoReturn:
        raise BadModel(f"{self.path}: {where}: wanted {wanted}, got {got}")


def words(dtype: str, shape: tuple[int | str, ...]) -> str:
    """A port's shape and dtype, for people."""
    return f"({', '.join(map(str, shape))}) {dtype}"
