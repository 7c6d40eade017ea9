"""Descriptions of the runs that `make report` makes, as TOML."""
