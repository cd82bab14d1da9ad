"""The asyncio shell around the scheduler: the only place where the loop is closed."""
