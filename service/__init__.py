"""The front doors: command line (and later the HTTP API)."""
