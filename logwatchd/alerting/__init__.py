"""Anomalies -> people: incidents, their explanation, the outbox, the journal and Slack."""
