"""Rules: what they watch and do, their conditions, the engine that evaluates them, backtests."""
