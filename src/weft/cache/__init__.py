"""Results of earlier runs: when they may be used again, and the files that hold them."""
