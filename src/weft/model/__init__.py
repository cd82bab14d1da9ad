"""What the user says, as frozen values. No behaviour beyond reading them."""
