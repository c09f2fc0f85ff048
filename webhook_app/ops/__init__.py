"""Operations: health, metrics, live links, the answer to `tally doctor`'s reachability check."""
