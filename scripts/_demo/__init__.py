"""The demonstration: a small real service, breaking it for real, and what logwatchd says of it."""
