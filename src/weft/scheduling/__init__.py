"""During the run, without I/O: `Scheduler.step(event, now)` says what to do next and what happened."""
