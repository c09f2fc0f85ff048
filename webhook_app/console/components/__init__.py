"""Parts of console pages: lamps, charts, timeline, forms."""
