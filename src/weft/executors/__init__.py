"""Executors carry out attempts. Each knows one kind of work and nothing of the plan."""
