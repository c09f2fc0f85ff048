"""Sessions and participants of a room."""
