"""Rasa's logs without what people wrote: its error lines would otherwise hold their messages."""

import logging


class WithoutText(logging.Formatter):
    """Time, level and logger; the message only where it cannot hold a person's words."""

    SAFE = ("rasa.server", "rasa.core.run", "rasa.__main__", "bot.", "sanic.root", "root")

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {record.name}"
        if record.name.startswith(self.SAFE) and not record.exc_info:
            line += f" {record.getMessage()[:300]}"
        if record.exc_info and record.exc_info[0]:
            line += f" {record.exc_info[0].__name__}"
        return line
