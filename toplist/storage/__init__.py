"""The database: ledger, history, leases, category tree, and the versions of its schema."""
