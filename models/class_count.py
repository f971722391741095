"""How many classes a weight file was trained on, told where there are not as many labels."""

from collections.abc import Iterator

from models.spec import ModelSpec


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
