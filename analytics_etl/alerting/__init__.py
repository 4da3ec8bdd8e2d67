"""Notifications: their messages (`messages`) and the receivers that deliver them (`receivers`).

This room finds no failures and stores nothing: `orchestration.incidents` finds them, `ops.outbox` stores the messages,
`orchestration.notifier` ties all together. `orchestration.report_delivery` writes the messages that deliver reports.
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
