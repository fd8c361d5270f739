"""What monitoring sets off: which repair a finding calls for (`table`), who asks for it (`handler`), and the repair."""
