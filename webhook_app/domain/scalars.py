"""The scalar types of JSON. Testing `type(value) in SCALAR_TYPES` is cheaper than isinstance; no subclass counts."""

SCALAR_TYPES = frozenset({type(None), str, bool, int, float})
