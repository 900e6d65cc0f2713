"""Seats: participants, connections and leases of a room; join, leave, presence, recovery, and broadcast.

* `service`: join, leave, look at a member; end memberships
* `sockets`: open and close a connection, identify its user
* `broadcast`: send to a room, and handle connections that are gone
* `roster`, `connections`: who is connected
* `leases`: until when a member is present without a call
* `snapshot`: the state of a room for a client that joins or returns
"""
