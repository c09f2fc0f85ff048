"""Authentication and access control: tokens, sessions, cookies, throttles."""
