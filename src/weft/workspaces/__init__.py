"""Workspaces: tasks that are apart while they work, and brought together at the end."""
