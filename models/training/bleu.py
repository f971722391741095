"""How near sentences are to those that people wrote: BLEU."""

import math
from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]
ORDER = 4  # the longest runs of words that are compared: BLEU-4


def bleu(said: Sequence[Words], references: Sequence[Sequence[Words]]) -> float:
    """BLEU-4 of a whole corpus, in [0, 1]: Papineni et al., ACL 2002, sections 2.1 to 2.3.

    The geometric mean of the shares of runs of one to four words that a reference of the same
    picture has too, times a penalty if less is said than the nearest references say. Not smoothed:
    it is 0 when no run of four words is right.
    said        one sentence a picture
    references  several sentences a picture, at least one
    """
    right, total = [0] * ORDER, [0] * ORDER
    length = wanted = 0
    for sentence, others in zip(said, references, strict=True):
        length += len(sentence)
        # Of two that are as near, the shorter: as NIST's mteval-v13a.
        wanted += min((abs(len(one) - len(sentence)), len(one)) for one in others)[1]
        for n in range(1, ORDER + 1):
            runs = _runs(sentence, n)
            most: Counter[tuple[str, ...]] = Counter()
            for one in others:
                most |= _runs(one, n)
            right[n - 1] += (runs & most).total()
            total[n - 1] += runs.total()
    if not all(right):
        return 0.0
    log = sum(math.log(r / t) for r, t in zip(right, total, strict=True)) / ORDER
    return math.exp(log + min(0.0, 1 - wanted / length))


def _runs(words: Words, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
