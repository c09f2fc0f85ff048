"""A VideoSDK that runs here: REST, signed webhooks, realistic delays, faults on request."""
