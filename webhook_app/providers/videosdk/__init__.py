"""VideoSDK: what its answers mean."""
