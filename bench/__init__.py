"""Benchmarks of Tallylight; each compares with a baseline measured in the same run."""
