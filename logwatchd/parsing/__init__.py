"""A line's bytes -> level, service, timestamp and the pattern that it shares with its kind."""
