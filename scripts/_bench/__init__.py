"""Benchmarks, each a subcommand of `scripts/bench`."""


class BenchError(Exception):
    """Nothing can be measured; says in one line why."""
