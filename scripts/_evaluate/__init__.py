"""Detection quality, measured and held: what `scripts/evaluate` runs."""
