"""A small web shop: HTTP, SQLite, a photo store on its own disk, and a shipping service upstream.

It knows nothing of logwatchd, and nothing of being in a demonstration.
"""
