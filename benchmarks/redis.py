"""What the sink of Redis carries, with one core of its own and the server on the others.

Rates are told twice: by the clock on the wall, and by the processor seconds that framewire used,
since on a machine that others use too the wall says how many they are.
"""

from statistics import median

from benchmarks.measure import Bar, in_turn, measured, spread

SUBJECT = "benchmarks.subjects.redis_sink"


def bars() -> list[Bar]:
    """Streams, Streams beside channels and latest states, latency, and the way from the disk."""
    found = in_turn({mode: lambda mode=mode: measured(SUBJECT, mode)
                     for mode in ("streams", "all", "latency", "replay")})  # fmt: skip
    added = [run["ours_p95"] - run["bare_p95"] for run in found["latency"]]
    middle = [run["ours_p50"] - run["bare_p50"] for run in found["latency"]]
    return [
        *_rates("results of 1.1 KB a second into Streams", 5_000, found["streams"]),
        *_rates("the same, with channels and latest states", 5_000, found["all"]),
        *_rates("results of 1.1 KB a second from the spool into Streams", 20_000, found["replay"]),
        Bar("the sink beside a bare PUBLISH, latency at a subscriber, p95, ms", "<= 1",
            spread(added), median(added) <= 1),
        Bar("the same, p50, ms", "-", spread(middle), held=True),
    ]  # fmt: skip


def _rates(what: str, bar: int, runs: list[dict[str, float]]) -> list[Bar]:
    wall = [run["rate"] for run in runs]
    core = [1e6 / run["cpu_us"] for run in runs]
    return [
        Bar(f"{what}, on the wall", f">= {bar}", spread(wall, 0), median(wall) >= bar),
        Bar(f"{what}, by its processor seconds", f">= {bar}", spread(core, 0), median(core) >= bar),
    ]
