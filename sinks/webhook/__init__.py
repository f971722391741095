"""Results and events as POST requests, signed, to an address of the operator's.

Imports no httpx: that is done in a thread when a sink opens.
"""

from sinks.webhook.options import WebhookOptions
from sinks.webhook.signing import BadSignature, sign, verify
from sinks.webhook.sink import WebhookSink

__all__ = ["BadSignature", "WebhookOptions", "WebhookSink", "sign", "verify"]
