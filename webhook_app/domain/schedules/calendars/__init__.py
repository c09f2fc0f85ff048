"""Reading of calendars (RFC 5545): from the bytes of a file to the instances of its entries."""
