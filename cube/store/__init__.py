"""The manager's durable memory: one SQLite file, one connection, one thread. The door is `ledger.Ledger`."""
