"""What can be seen of a process from outside: numbers, an endpoint to read them from, and traces."""
