"""A stand-in for the outside world: vendors' HTTP APIs on loopback, with a ledger of its own that judges ours."""
