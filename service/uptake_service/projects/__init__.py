"""Projects: tenants and what is set for them."""
