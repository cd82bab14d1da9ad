"""The journal: what happened in each run, in one SQLite file, from which runs are resumed and told of."""
