"""What is done with files in one way, whoever does it: copied, looked at, written to stay, locked, shared."""
