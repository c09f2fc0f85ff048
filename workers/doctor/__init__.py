"""`tally doctor`: what may be wrong here, each with what to do about it."""
