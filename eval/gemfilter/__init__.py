"""GemFilter's own measurements: which layer filters best, and what filtering saves."""
