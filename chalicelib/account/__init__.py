"""A person's data: export it, and delete the account.

* `table`: where the tables hold something about a user
* `service`: start an erasure, and do a part of it
* `rooms`: remove a user from one room
* `sweep`: go on with the erasures that are under way
* `export`: the data of a user, page by page
"""
