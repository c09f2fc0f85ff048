"""The call worker: probes VideoSDK and makes start and end calls."""
