"""DynamoDB: one client, typed tables, transactions, parallel calls, rate limits, idempotency records.

Every other folder reaches DynamoDB through `Store`; each `table.py` declares its rows with `Table`.
"""

from chalicelib.store.store import ATTEMPTS, Check, Delete, Put, Store, Update, Write
from chalicelib.store.tables import Condition, Table

__all__ = ["ATTEMPTS", "Check", "Condition", "Delete", "Put", "Store", "Table", "Update", "Write"]
