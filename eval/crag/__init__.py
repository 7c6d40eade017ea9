"""What clustering saves on repeated opinions, and what it leaves of them."""
