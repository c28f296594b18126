"""What subscriptions of all kinds share: events as they are committed, tokens to resume from, streams that end well."""
