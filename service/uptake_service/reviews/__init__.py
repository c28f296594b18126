"""Reviews: tasks for people about patterns that turned bad."""
