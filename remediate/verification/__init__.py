"""Whether the two copies of a resource are equal: both are read behind HAST's metadata, while clients are served.

`extents` reads and hashes, `comparing` tells a difference from a write that is underway, `verify` is the whole run on
the primary, `answering` the other node's part of it.
"""
