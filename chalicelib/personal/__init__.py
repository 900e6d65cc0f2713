"""What the service keeps for one user, whether the user has a seat or not. Only this user sees it."""
