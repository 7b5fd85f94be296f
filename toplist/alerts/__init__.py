"""What people are told of a snapshot: watched offers that met a threshold, monitors of the day's data, messages."""
