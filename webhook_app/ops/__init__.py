"""Operations: health, metrics, logs, background loops, live links."""
