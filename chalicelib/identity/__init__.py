"""Who is calling: tokens, key sets, tickets for WebSockets, and how a user is shown."""
