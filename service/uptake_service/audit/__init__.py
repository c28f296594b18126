"""Who changed what: a line for each change by a person or key, in the transaction that makes it."""
