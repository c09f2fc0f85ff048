"""The doors and the shared floor: receiver, API, page; the store and the pure domain below them."""
