"""What is fuzzed, by name."""

from tests.fuzz.configs import CONFIGS
from tests.fuzz.door import DOOR
from tests.fuzz.importer import IMPORTERS
from tests.fuzz.kafka import KAFKA
from tests.fuzz.left import LEFT
from tests.fuzz.messages import MESSAGES
from tests.fuzz.peers import PEERS
from tests.fuzz.subject import Subject
from tests.fuzz.weights import READERS

SUBJECTS: dict[str, Subject] = {
    **READERS,
    **IMPORTERS,
    **CONFIGS,
    **MESSAGES,
    **DOOR,
    **LEFT,
    **PEERS,
    **KAFKA,
}
