"""What is true about calls, agents and queues: pure values and pure functions. Nothing here awaits, logs or reads a clock."""
