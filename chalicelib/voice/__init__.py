"""Voice: the state of microphones. Sound itself flows between browsers."""
