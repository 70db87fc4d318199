"""What the service says about itself: log lines, metrics. Law: numbers, names and secrets never pass unmasked."""
