"""The deliver worker: expands notices into deliveries and sends those that are due. `deliverer` holds its main loop."""
