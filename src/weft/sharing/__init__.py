"""Limits and locks that all Weft processes of a user share."""
