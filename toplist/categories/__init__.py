"""The category tree (类目), levels 1 to 3: its arithmetic, and how it is read from the gateway."""
