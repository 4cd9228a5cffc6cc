"""Custom actions: read slots → one use case → set slots. They run in the gateway's process."""
