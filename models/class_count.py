"""How many classes a weight file was trained on, told where there are not as many labels."""

from collections.abc import Iterator

from models.spec import ModelSpec

ONE_FOR_TWO = frozenset({"ternaus"})
"""Families whose network for two labels has one output, a logit, and for more one for each."""


def wrong_labels(held: int, given: int) -> str:
    """The sentence for a network of `held` classes and `given` labels."""
    return f"labels: wanted {held} (outputs of the network), got {given}"


def held_instead(spec: ModelSpec, wanted: int, got: int) -> int | None:
    """How many classes the network of a file has, by the length of a tensor in its last layer.

    wanted   that length in a network for the spec's labels
    got      and in the file
    returns  None if that tensor's length does not depend on how many labels there are, or if no
             number of classes has such a tensor
    """
    if spec.family in ONE_FOR_TWO:
        outputs = 1 if len(spec.labels) == 2 else len(spec.labels)
        held = 2 if got == 1 else got
        return held if wanted == outputs and (got == 1 or got > 2) else None
    if got == 1:  # one output tells two classes apart, and is another network
        return None
    for each, more in _lengths(spec):
        classes, rest = divmod(got, each)
        if wanted == each * (len(spec.labels) + more) and not rest and classes > more:
            return classes - more
    return None


def _lengths(spec: ModelSpec) -> Iterator[tuple[int, int]]:
    """Pairs (each, more): a tensor of the last layer is `each` x (classes + more) long."""
    match spec.task:
        case "detect":  # a box, whether it is one, and the classes, for each anchor
            yield max(len(spec.anchors), 1), 5
        case "instances":  # nothing is a class too; and each has a box of its own
            yield from ((1, 1), (4, 1))
        case _:
            yield 1, 0
