"""Facts: what a journal event says, one frozen dataclass per kind of event."""
