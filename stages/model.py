"""How a stage opens its model."""

from pathlib import Path

from models.errors import BadModel
from models.executor import Session
from models.session import open_session
from models.spec import ModelSpec, Task
from models.store import find
from stages.stage import StageContext


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
