"""What is true about calls, agents and queues: pure values and functions. Nothing here awaits, logs or reads a clock."""
