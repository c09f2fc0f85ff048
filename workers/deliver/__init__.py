"""The deliver worker: expands notices to subscribers and sends what is due. `deliverer` holds its main loop."""
