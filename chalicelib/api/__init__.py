"""The HTTP routes: each parses, makes one call, answers."""
