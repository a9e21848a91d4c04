"""Recorded answers of the real Google APIs, turned into snapshots and audited."""
