"""Legal transitions as tables: data, one per entity. It must not hold effects."""
