"""What people and flows do to the state: each act one transaction with its trail event, permission checked here."""
