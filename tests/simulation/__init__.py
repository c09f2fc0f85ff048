"""A seeded world that goes wrong: the pure core, hands of ours that die, and the sandbox's model of VideoSDK."""
