"""`make rehearse`: the real deployment, upgrade and removal, in an emulator of AWS on this machine. Never deployed.

* `__main__`: the acts of a rehearsal, in order
* `project`: a copy of this checkout with a stage for the emulator, and the wheels for its package
* `emulator`: MiniStack with all services, as a child process; `emulator_launcher` runs in its own environment
* `people`: who goes in and out of a room, while it is deployed again
"""
