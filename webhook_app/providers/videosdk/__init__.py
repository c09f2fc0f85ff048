"""VideoSDK: its webhooks, its REST API, and what they mean."""
