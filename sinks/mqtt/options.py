"""The keys of `sink: mqtt`."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from sinks.messages import MessageOptions

LEVELS = r"^[A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64})*$"


class MqttOptions(MessageOptions):
    """The keys of `sink: mqtt`."""

    url: str = Field(
        repr=False,
        description="The broker, with user and password if it wants them: "
        "`mqtt://USER:PASSWORD@HOST:1883` or `mqtts://` (TLS, port 8883).",
    )
    prefix: str = Field(
        "framewire",
        pattern=LEVELS,
        description="What the names of all topics start with. Sinks at one broker want one each.",
    )
    state_s: float = Field(
        1.0,
        ge=0,
        le=20,
        description="Least seconds between two states of a stream and node: a short, retained "
        "summary of its last result under `{prefix}/state/{stream}/{node}`. 0 for none.",
    )
    discovery: str | None = Field(
        None,
        pattern=LEVELS,
        description="Tell Home Assistant what there is (counts, presence, zones), under its "
        "discovery prefix, which is `homeassistant` unless changed there.",
    )
    give_up_s: float = Field(
        5.0, gt=0, le=60, description="Seconds that the broker has to take messages."
    )
    ca: Path | None = Field(
        None,
        description="With TLS, a file of certificates that the broker's must be signed by, "
        "instead of the system's.",
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or parts.path.strip("/"):
            raise ValueError("wanted mqtt://HOST:PORT or mqtts://HOST:PORT")
        return url

    @model_validator(mode="after")
    def _fits(self) -> "MqttOptions":
        if self.discovery is not None and not self.state_s:
            raise ValueError("discovery: wanted state_s above 0, from which its entities read")
        return self
