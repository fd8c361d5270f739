"""The failover: one function that is always right to call, `converge.converge`.

From the bottom up: `facts` (what a node is seen to be), `guards` (what it should be, and why it may not), `steps` and
`plan` (what has to be done, as data), `services`, `filesystems`, `peer`, `reach` (how single things are done and
awaited), `carp_demotion` (the node's share in CARP's demotion), `observe` (facts out of a node), `executor` (a plan,
step by step), `converge` (all of it, until the node is where CARP wants it), `switchover`.
"""
