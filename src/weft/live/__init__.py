"""What a person or a program sees while a run goes on, and when it is over."""
