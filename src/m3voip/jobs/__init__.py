"""Durable background work. Each job is a function of what is on disk and in Postgres, so a crash costs only a repeat."""
