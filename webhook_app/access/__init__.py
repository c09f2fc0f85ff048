"""Authentication and access control: tokens, sessions, cookies, throttles, encryption of stored secrets."""
