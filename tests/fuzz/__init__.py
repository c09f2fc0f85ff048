"""Fuzzers: each makes an input from a seed and checks what must hold for every input."""
