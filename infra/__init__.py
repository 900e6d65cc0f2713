"""Everything around the functions: their tables, their deployment, and a stack to run them on one machine."""
