"""Killing what changes an index, again and again, and looking at what is left."""
