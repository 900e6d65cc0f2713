"""What a person may do in a room: roles, bans and mutes. They belong to the user, not to a seat or a connection.

* `rules`: the ranks of roles, and the acts that each allows
* `table`: what a room has noted about a user
* `bans`: refuse users who are kept out
"""
