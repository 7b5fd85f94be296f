"""One rate limiter per process: it sends the oldest request whose category is ready, when the key's budget allows."""
