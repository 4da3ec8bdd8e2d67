"""Telling people what went wrong: the messages (`messages`) and the ways to hand them over (`receivers`).

Neither looks anywhere for failures or keeps books: `incidents` finds, `ops.outbox` keeps, `notifier` ties them.
"""

from analytics_etl.alerting.delivery import DeliveryError, Receiver
from analytics_etl.alerting.messages import CheckFailure, Message, RunFailure, is_to_be_notified
from analytics_etl.alerting.receivers import receivers_of
from analytics_etl.alerting.webhook import request_parts, send_http

__all__ = [
    "CheckFailure",
    "DeliveryError",
    "Message",
    "Receiver",
    "RunFailure",
    "is_to_be_notified",
    "receivers_of",
    "request_parts",
    "send_http",
]
