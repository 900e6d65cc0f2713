"""Entry: HTTP and frame dispatch, socket events, the schedule, and the documents that describe the service."""
