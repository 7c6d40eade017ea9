"""Learning and testing the choices of ``auto``."""
