"""Kafka's brokers, of whom one answer is broken: the rest, and all after it, is as it should be.

Where other brokers are is left whole: a client goes there, and that must be this machine.
"""

import asyncio
import struct
import warnings
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from sinks.errors import SinkError, SinkLost
from sinks.sink import SinkContext
from tests.factory import deliveries
from tests.fuzz.peers import HOST, MARK, peer
from tests.fuzz.subject import Parts, Sample, Subject

PRODUCE, METADATA, VERSIONS, PRODUCER = 0, 3, 18, 22
ORDER = (VERSIONS, METADATA, PRODUCER, PRODUCE)
TOPIC = "framewire.results"
GIVE_UP_S = 0.3
LATER_S = 20.0


def whole() -> dict[str, bytes]:
    """The body of each answer, by the request's number; of METADATA what follows the brokers."""
    from aiokafka.protocol import metadata, produce, transaction
    from aiokafka.protocol.admin import ApiVersionResponse_v0

    ranges = [(PRODUCE, 0, 3), (METADATA, 0, 1), (VERSIONS, 0, 0), (PRODUCER, 0, 0)]
    topics = [(0, TOPIC, False, [(0, 0, 0, [0], [0])])]
    placed = metadata.MetadataResponse_v1([], 0, topics).encode()
    found: dict[int, Any] = {
        VERSIONS: ApiVersionResponse_v0(0, ranges).encode(),
        METADATA: placed[4:],
        PRODUCER: transaction.InitProducerIdResponse_v0(0, 0, 7, 0).encode(),
        PRODUCE: produce.ProduceResponse_v3([(TOPIC, [(0, 0, 5, -1)])], 0).encode(),
    }
    return {str(key): found[key] for key in ORDER}


def read(path: Path) -> None:
    warnings.simplefilter("ignore", ResourceWarning)  # of connections that aiokafka has given up
    with capture_logs():
        asyncio.run(_read(path.read_bytes()))


async def _read(said: bytes) -> None:
    from sinks.kafka import KafkaOptions, KafkaSink

    good = whole()
    broken = dict(zip(good, said.split(MARK), strict=True))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (port,) = writer.get_extra_info("sockname")[1:2]
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            key, _, correlation = struct.unpack(">hhi", (await reader.readexactly(size))[:8])
            body = (broken or good)[str(key)]
            if key == METADATA:
                body = struct.pack(">iih9sih", 1, 0, len(HOST), HOST.encode(), port, -1) + body
            writer.write(struct.pack(">ii", 4 + len(body), correlation) + body)
            await writer.drain()

    async with peer(serve) as port:
        told = {"servers": f"{HOST}:{port}", "spool_mb": 0, "give_up_s": GIVE_UP_S}
        sink = KafkaSink(KafkaOptions.model_validate(told), SinkContext("kafka", ("a",)))
        await sink.open()
        refused: SinkError | None = None
        try:
            await sink.write(deliveries(1))
        except SinkError as error:
            refused = error
        broken.clear()
        async with asyncio.timeout(LATER_S):
            while True:
                try:
                    await sink.write(deliveries(1))
                    break
                except SinkLost:
                    continue
        await sink.close()
        if refused is not None:
            raise refused


def samples() -> list[Sample]:
    def pack(parts: Parts) -> Parts:
        return {"a.kafka": MARK.join(parts.values())}

    return [Sample(whole(), pack)]


KAFKA: dict[str, Subject] = {"kafka": Subject(read, samples, (SinkError,), named=False)}
