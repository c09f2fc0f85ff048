"""`tally doctor --conformance`: play one short stream and compare what VideoSDK does with what Tallylight assumes."""
