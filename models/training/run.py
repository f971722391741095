"""Runs the training that a config describes."""

import json
from collections.abc import Mapping

import keras

from models.training import caption, classify, detect, segment
from models.training.checkpoint import Checkpoint
from models.training.config import Caption, Classify, Detect, Training
from models.training.events import Events
from models.training.outcome import Outcome
from models.training.setting import Setting

# Keys that do not change what is learnt: a training goes on when they do.
APART: Mapping[str, bool | set[str]] = {
    **dict.fromkeys(("out", "tensorboard", "licence", "source", "halves", "name"), True),
    "schedule": {"enough"},
}


def train(config: Training) -> Outcome:
    """Train, write model, sidecar and report into the config's folder `out`.

    A run that was cut short goes on where its last epoch ended. The same config and seed give the
    same weights on the same machine.
    raises  BadData naming a file of the examples, BadWeights naming one of the backbone
    """
    keras.utils.set_random_seed(config.seed)
    purpose = json.dumps(config.model_dump(mode="json", exclude=APART), sort_keys=True)
    events = Events(config.tensorboard) if config.tensorboard else None
    setting = Setting(Checkpoint(config.out, purpose), events)
    try:
        if isinstance(config, Classify):
            outcome = classify.train(config, setting)
        elif isinstance(config, Detect):
            outcome = detect.train(config, setting)
        elif isinstance(config, Caption):
            outcome = caption.train(config, setting)
        else:
            outcome = segment.train(config, setting)
    finally:
        if events:
            events.close()
    outcome.write()
    return outcome
