"""Postgres, the only memory. Law: SQL is written as SQL (queries/*.sql, migrations/); rows leave as typed values."""
