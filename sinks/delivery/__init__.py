"""Carrying records to a peer that may go away: nothing acknowledged is lost, and order is kept."""

from sinks.delivery.courier import Courier, Tally
from sinks.delivery.numbering import Numbering
from sinks.delivery.options import SpoolOptions
from sinks.delivery.record import Record, event_id, new_run, result_id
from sinks.delivery.spool import Fsync, Policy, Spool, SpoolFull
from sinks.delivery.under_way import UnderWay

__all__ = [
    "Courier",
    "Fsync",
    "Numbering",
    "Policy",
    "Record",
    "Spool",
    "SpoolFull",
    "SpoolOptions",
    "Tally",
    "UnderWay",
    "event_id",
    "new_run",
    "result_id",
]
