"""Split-brain: evidence from both nodes, which copy loses, what of it is kept, and the documented recovery.

`evidence` reads both nodes, `eligibility` says which of them loses or that it is unknown, `guard` looks once more
right before the one command that destroys, `recover` is the sequence, interruptible at every step. `trees`,
`readonly`, `salvage` keep a losing copy, `restoring` gives files of it back.
"""
