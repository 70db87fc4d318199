"""Configuration and calls as the API reads and changes them. Law: every function gets a connection that already has its
tenant set; it never opens a transaction, and says no by raising a ``Refusal``."""
