"""What call-story tests share: waiting with a deadline, tone detection, leak checks, and the fixtures of the stack."""
