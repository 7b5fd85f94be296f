"""The spider: callbacks only."""
