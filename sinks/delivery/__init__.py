"""Carrying records to a peer that may go away: nothing acknowledged is lost, and order is kept."""

from sinks.delivery.courier import Courier, Tally
from sinks.delivery.record import Record, event_id, new_run, result_id
from sinks.delivery.spool import Fsync, Policy, Spool, SpoolFull

__all__ = [
    "Courier",
    "Fsync",
    "Policy",
    "Record",
    "Spool",
    "SpoolFull",
    "Tally",
    "event_id",
    "new_run",
    "result_id",
]
