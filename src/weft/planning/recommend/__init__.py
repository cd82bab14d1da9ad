"""Which scenario a plan is, which pattern fits it, and what to write into the plan for that."""
