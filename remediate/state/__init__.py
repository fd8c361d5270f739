"""What hastwatch remembers on a node: `/var/db/hastwatch`, small files that survive a crash of anything.

* how it is kept: `store` (values, atomically), `lock` (one at a time), `journal` and `journal_reading`;
* what is kept: `events` (devd's), `ledger` (what is known of this node's copy), `marker` (split-brain), `failures`
  (promotions), `maintenance`.

What can't be read never counts as good news: every module says in its docstring what it takes instead.
"""
