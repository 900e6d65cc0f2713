"""`make rehearse`: deploy, upgrade and destroy a stage in an emulator of AWS on this machine.

* `__main__`: the acts of a rehearsal, in order
* `project`: a copy of this checkout with a stage for the emulator
* `emulator`: MiniStack with all services, as a child process; `emulator_launcher` runs in the engine's environment
* `people`: two people who stay in a room during the upgrade
"""
