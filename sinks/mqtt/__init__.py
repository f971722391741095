"""Results, events and latest states over MQTT, and what Home Assistant makes of them.

Imports no aiomqtt: that is done in a thread when a sink opens, and is the extra `mqtt`.
"""

from sinks.mqtt.options import MqttOptions
from sinks.mqtt.sink import MqttSink

__all__ = ["MqttOptions", "MqttSink"]
