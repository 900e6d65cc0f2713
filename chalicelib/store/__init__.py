"""The only code that touches DynamoDB: one module a table, and `membership` for what spans several."""
