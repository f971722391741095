"""Viewers that come and go at random. Arguments: ADDRESS COUNT SECONDS SEED.

COUNT of them come in SECONDS, each for a while: a third says goodbye (DELETE), a third hangs up, a
third is gone without a word. Prints how many saw a picture.
"""

import asyncio
import json
import random
import sys

import httpx

from benchmarks.subjects.viewers import watch

STAY_S = 20.0


async def visit(client: httpx.AsyncClient, chance: random.Random, seconds: float) -> None:
    """One comes at some time, stays a while, and goes in one of three ways."""
    stay = chance.uniform(0.2, STAY_S)
    how = chance.choice(("goodbye", "hang up", "vanish"))
    await asyncio.sleep(chance.uniform(0, seconds))
    place, peer = await watch(client, overlay=True)
    await asyncio.sleep(stay)
    if how == "goodbye":
        await client.delete(place)
    elif how == "vanish":  # nothing leaves any more
        sent = peer.getTransceivers()[0].sender.transport.transport
        sent._send = swallow
    await peer.close()


async def swallow(_data: bytes) -> None:
    """A network that is gone."""


async def main(address: str, count: str, seconds: str, seed: str) -> None:
    """See the module."""
    chance = random.Random(seed)
    # The server closes connections that have rested for 5 s; a request that meets that fails.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=address, timeout=30, limits=limits) as client:
        visits = [visit(client, chance, float(seconds)) for _ in range(int(count))]
        ended = await asyncio.gather(*visits, return_exceptions=True)
    failed = [repr(one) for one in ended if one is not None]
    print(json.dumps({"seen": int(count) - len(failed), "failed": failed[:5]}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
