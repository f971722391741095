"""A process that starts an embedded Redis, says so, and waits to be killed."""

import asyncio
import sys

from sinks.embedded_redis import EmbeddedRedis


async def main() -> None:
    server = EmbeddedRedis()
    await server.start()
    print(server.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.close()


asyncio.run(main())
