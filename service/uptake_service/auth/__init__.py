"""Who may do what: API keys, their roles and projects, and how much they may ask for."""
