"""The demonstration: a carrier, phones, a mailbox and a clock. Never in production."""
