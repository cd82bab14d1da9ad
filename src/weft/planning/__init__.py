"""Before the run, pure: what depends on what, what matters most, and whether a plan makes sense."""
