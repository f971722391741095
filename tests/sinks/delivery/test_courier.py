"""Carrying records to a peer that may be away."""

import asyncio
import contextlib
import shutil
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sinks.delivery import Courier, Policy, Record, Spool
from sinks.errors import SinkError, SinkLost
from stages.capture.backoff import Backoff
from stages.events import Event
from tests.sinks.delivery.peer import Peer, numbers, records
from tests.sinks.delivery.test_spool import SIZE, full_disk


@asynccontextmanager
async def courier_to(
    peer: Peer, folder: Path, limit: int = 1 << 20, policy: Policy = "drop_oldest"
) -> AsyncIterator[Courier]:
    spool = Spool(folder / "spool.sqlite", limit, policy=policy)
    courier = Courier(peer.deliver, spool, Backoff(0.001, 0.002), most=4)
    await courier.open()
    try:
        yield courier
    finally:
        await courier.close()


async def test_records_go_straight_to_a_peer_that_is_there(tmp_path: Path) -> None:
    peer = Peer()
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 3))
        assert numbers(peer.got) == [0, 1, 2]
        assert not courier.behind
        assert courier.tally.direct == 3


async def test_what_came_while_the_peer_was_away_reaches_it_in_order(tmp_path: Path) -> None:
    peer = Peer()
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 2))
        peer.there = False
        for first in range(2, 20):
            await courier.send(records(first, first + 1))
        assert courier.behind
        peer.there = True
        await courier.send(records(20, 25))
        await peer.has(25)
        assert numbers(peer.got) == list(range(25))
        assert (courier.tally.direct, courier.tally.spooled) == (2, 23)


async def test_after_that_records_go_straight_again(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 3))
        peer.there = True
        await peer.has(3)
        async with asyncio.timeout(10):
            while courier.behind:
                await asyncio.to_thread(int)
        await courier.send(records(3, 4))
        assert courier.tally.direct == 1
        assert numbers(peer.got) == [0, 1, 2, 3]


async def test_an_outage_is_two_events_however_much_came_meanwhile(tmp_path: Path) -> None:
    peer, told = Peer(there=False), list[Event]()
    courier = Courier(
        peer.deliver, Spool(tmp_path / "spool.sqlite", 1 << 20), Backoff(0.001, 0.002), most=4,
        sink="out", announce=told.append,
    )  # fmt: skip
    await courier.open()
    for first in range(3):
        await courier.send(records(first, first + 1))
    assert [(one.name, one.about) for one in told] == [("delivery.waiting", "out")]
    peer.there = True
    await peer.has(3)
    async with asyncio.timeout(10):
        while courier.behind:
            await asyncio.to_thread(int)
    await courier.send(records(3, 4))
    await courier.close()
    assert [one.name for one in told] == ["delivery.waiting", "delivery.resumed"]
    assert told[1].detail["replayed"] == 3


async def test_a_batch_that_broke_off_is_told_again_and_its_ids_say_so(tmp_path: Path) -> None:
    peer = Peer()
    peer.cut = 2
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 4))
        await peer.has(6)
    assert numbers(peer.got) == [0, 1, 0, 1, 2, 3]
    assert list(dict.fromkeys(record.id for record in peer.got)) == [r.id for r in records(0, 4)]


async def test_a_mistake_of_a_library_below_costs_nothing_that_waits(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 3))
        peer.breaks = OverflowError("int too large")
        peer.there = True
        await peer.has(3)
        await courier.send(records(3, 4))
        await peer.has(4)
    assert numbers(peer.got) == [0, 1, 2, 3]


async def test_a_spool_that_somebody_deleted_is_carried_all_the_same(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path / "spool") as courier:
        await courier.send(records(0, 2))
        shutil.rmtree(tmp_path / "spool")
        await courier.send(records(2, 4))
        await peer.was_asked(peer.asked + 3)
        peer.there = True
        await peer.has(4)
    assert numbers(peer.got) == [0, 1, 2, 3]


class Watched(Spool):
    """A spool of which one can wait for the next sync."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, 1 << 20)
        self.synced = threading.Event()

    def sync(self) -> None:
        super().sync()
        self.synced.set()


async def test_what_waits_is_synced_while_the_peer_hangs(tmp_path: Path) -> None:
    tries = iter([SinkLost("the peer is away")])

    async def hangs(_: Sequence[Record]) -> None:
        for error in tries:
            raise error
        await asyncio.Event().wait()

    spool = Watched(tmp_path / "spool.sqlite")
    courier = Courier(hangs, spool)
    await courier.open()
    await courier.send(records(0, 2))
    spool.synced.clear()
    await courier.send(records(2, 4))
    assert await asyncio.to_thread(spool.synced.wait, 20)
    await courier.close(0)


async def test_the_next_run_carries_what_the_last_one_left(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 5))
    peer.there = True
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(5, 6))
        await peer.has(6)
    assert numbers(peer.got) == list(range(6))


async def test_closing_waits_for_a_peer_that_takes_what_is_left(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 40))
        peer.there = True
        await peer.has(4)
    assert numbers(peer.got) == list(range(40))


async def test_without_a_spool_the_sender_is_told(tmp_path: Path) -> None:
    peer = Peer(there=False)
    courier = Courier(peer.deliver)
    await courier.open()
    with pytest.raises(SinkLost):
        await courier.send(records(0, 2))
    assert courier.tally.lost == 2
    peer.there = True
    await courier.send(records(2, 3))
    assert numbers(peer.got) == [2]
    await courier.close()


async def test_a_peer_that_refuses_is_told_to_the_sender(tmp_path: Path) -> None:
    peer = Peer()
    peer.refuses = True
    async with courier_to(peer, tmp_path) as courier:
        with pytest.raises(SinkError, match="does not want"):
            await courier.send(records(0, 1))
        assert not courier.behind


async def test_records_on_disk_that_are_refused_do_not_hold_up_the_others(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path) as courier:
        await courier.send(records(0, 2))
        peer.refuses, peer.there = True, True
        async with asyncio.timeout(10):
            while courier.behind:
                await asyncio.to_thread(int)
        peer.refuses = False
        await courier.send(records(2, 3))
        assert courier.tally.refused == 2
        assert numbers(peer.got) == [2]


async def test_a_full_spool_loses_the_oldest(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path, limit=3 * SIZE) as courier:
        await courier.send(records(0, 5))
        peer.there = True
        await peer.has(3)
        assert numbers(peer.got) == [2, 3, 4]
        assert courier.spool is not None
        assert courier.spool.dropped == 2


@pytest.mark.parametrize("policy", ["drop_oldest", "block"])
async def test_a_full_disk_brings_nothing_twice_and_does_not_hold_up_a_peer_that_is_back(
    policy: Policy, tmp_path: Path
) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path, 10 * SIZE, policy) as courier, asyncio.timeout(20):
        await courier.send(records(0, 10))
        more = asyncio.create_task(courier.send(records(10, 12)))
        if policy == "drop_oldest":
            await more
        else:
            while not courier.tally.waits:
                await asyncio.to_thread(int)
        with full_disk():
            peer.there = True
            await peer.has(9)
            while courier.behind:
                await asyncio.to_thread(int)
            with contextlib.suppress(SinkLost):  # the disk did not take the two that had to wait
                await more
            await courier.send(records(12, 14))
    assert len(set(numbers(peer.got))) == len(peer.got)
    assert numbers(peer.got)[-2:] == [12, 13]


async def test_where_nothing_may_be_lost_a_full_spool_holds_the_sender(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path, limit=3 * SIZE, policy="block") as courier:
        await courier.send(records(0, 3))
        sending = asyncio.create_task(courier.send(records(3, 6)))
        await peer.was_asked(5)
        assert not sending.done()
        peer.there = True
        await sending
        await peer.has(6)
    assert numbers(peer.got) == list(range(6))
    assert courier.tally.waits > 0


async def test_a_sender_that_is_held_at_the_end_is_told(tmp_path: Path) -> None:
    peer = Peer(there=False)
    async with courier_to(peer, tmp_path, limit=3 * SIZE, policy="block") as courier:
        await courier.send(records(0, 3))
        sending = asyncio.create_task(courier.send(records(3, 6)))
        await peer.was_asked(5)
    with pytest.raises(SinkLost, match="wanted room"):
        await sending
    assert courier.tally.lost == 3
