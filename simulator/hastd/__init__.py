"""hastd: its configuration, roles and workers, the copies they keep, and what they tell each other."""
