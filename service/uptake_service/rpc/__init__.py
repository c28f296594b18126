"""What every call passes: errors, interceptors, paging, the server."""
