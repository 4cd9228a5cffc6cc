"""What is counted. Never a number, a name or a text in a label."""

from prometheus_client import Counter, Histogram

_FAST = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

RECEIVED = Counter("messages_received_total", "messages received", ["channel", "repeat"])
ANSWERED = Counter("messages_answered_total", "turns answered", ["channel"])
ACKNOWLEDGED = Histogram("acknowledgement_seconds", "time to acknowledge the carrier", buckets=_FAST)
REPLIED = Histogram("reply_seconds", "time from receiving a message to storing its answer", buckets=_FAST)
SEGMENTS = Counter("segments_sent_total", "SMS segments handed to the carrier")
