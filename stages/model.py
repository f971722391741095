"""How a stage opens its model, and how it shows it more pictures than fit into one call."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import BadModel
from models.executor import Session
from models.session import open_session
from models.spec import ModelSpec, Task
from models.store import find
from stages.stage import StageContext

MOST = 32  # pictures in one call: as many crops as a crowd has would need any amount of memory


def open_model(
    name: str, tasks: Task | tuple[Task, ...], context: StageContext
) -> tuple[ModelSpec, Session]:
    """Find a model and open it on the stage's device; nodes that want the same share one session.

    name    of the zoo, or the path of an ONNX file, relative to the config's folder
    tasks   what it must be able to do, one of them
    raises  ModelError if there is none, or if it does not do that as its spec says
    """
    path = context.folder / name
    model = find(str(path) if Path(name).suffix == ".onnx" else name)
    tasks = (tasks,) if isinstance(tasks, str) else tasks
    if model.spec.task not in tasks:
        raise BadModel(
            f"{context.node}: wanted a model that can {' or '.join(tasks)}, got {name}, which can "
            f"{model.spec.task}"
        )
    session = open_session(
        model.path,
        device=context.device,
        parallel=context.parallel,
        precision=context.precision,
        nice=context.nice,
    )
    session.check_against(model.spec)
    return model.spec, session


def in_parts(
    session: Session, images: Sequence[NDArray[np.uint8]]
) -> Iterator[Mapping[str, NDArray[np.generic]]]:
    """What a model says about pictures, in as many calls as it takes; nothing about none.

    images  each (height, width, 3) uint8, as the model wants its input
    """
    for at in range(0, len(images), MOST):
        yield session.run({"image": np.stack(images[at : at + MOST])})
