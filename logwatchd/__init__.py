"""logwatchd: tells operators about the log line that has never been seen before."""

__version__ = "0.1.0"
