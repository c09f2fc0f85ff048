"""When to probe VideoSDK, and what a probe's result means."""
