"""A local VideoSDK simulator: REST API, signed webhooks, realistic delays and injectable faults.

It is independent of Tallylight and imports nothing of it.
"""
