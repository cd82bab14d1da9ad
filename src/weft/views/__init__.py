"""Pure folds over facts: what people and programs are shown."""
