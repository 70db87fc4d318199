"""What is kept: facts on their way (journal), Postgres, and the vault of recordings. Law: SQL and files stop here."""
