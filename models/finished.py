"""An ONNX file from elsewhere that is a model as it is: it keeps the contract of a task."""

from collections.abc import Sequence
from pathlib import Path

from models.class_count import wrong_labels
from models.errors import BadModel, BadWeights
from models.feeds import feeds
from models.readers import onnx_file
from models.session import CANNOT_OPEN, open_session
from models.spec import CONTRACTS, ModelSpec, Port

SHOWN = 5  # names in an error; the rest is counted

SIDECAR = (
    "a model that is none of the zoo's is used by its path, with what it wants written beside it "
    "(own.onnx and own.yaml): docs/models.md"
)


def is_finished(spec: ModelSpec, file: Path, *, weights_too: bool) -> bool:
    """Whether an ONNX file has the inputs and outputs of the spec's task, by their names.

    It is looked at by the bounded reader, before anything else opens it: data in other files,
    subgraphs and sparse data are refused.

    weights_too  the family reads its weights out of an ONNX file of any inputs and outputs
    raises       BadWeights if it is no such file; or, but for `weights_too`, if it has not
    """
    notes = onnx_file.read(file).notes
    inputs, outputs = _names(notes["inputs"]), _names(notes["outputs"])
    contract = CONTRACTS[spec.task]
    wanted = (*(["image"] if contract.image else []), *_required(contract.inputs))
    given = _required(contract.outputs)
    if set(wanted) <= set(inputs) and set(given) <= set(outputs):
        return True
    if weights_too:
        return False
    raise BadWeights(
        f"{file.name}: wanted weights of {spec.family}, or an ONNX file with the inputs "
        f"{', '.join(wanted)} and the outputs {', '.join(given)} of {spec.task}, got inputs "
        f"{_told(inputs)} and outputs {_told(outputs)}; {SIDECAR}"
    )


def check(spec: ModelSpec, file: Path) -> None:
    """Open the file, hold it to the spec, and run it once.

    raises  BadModel naming the file, the input or output, what was wanted and what was got
    """
    session = open_session(file, device="cpu")
    try:
        session.check_against(spec)
    except BadModel as error:
        raise BadModel(f"{error}; {SIDECAR}") from error
    try:
        made = session.run(feeds(spec, session.inputs))
    except (*CANNOT_OPEN, RuntimeError) as error:  # the second is what a bound run raises
        raise BadModel(f"{file}: wanted it to run, got from ONNX Runtime: {error}") from error
    # A letter in the file may stand for any number of classes.
    if spec.task == "classify" and (held := made["probabilities"].shape[1]) != len(spec.labels):
        raise BadModel(f"{file}: {wrong_labels(held, len(spec.labels))}")


def _required(ports: Sequence[Port]) -> tuple[str, ...]:
    return tuple(port.name for port in ports if port.required)


def _names(told: object) -> tuple[str, ...]:
    return told if isinstance(told, tuple) else ()


def _told(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more
