"""What goes over the wire, one noun a file. Law: pydantic stays here (and in config); a schema has an example."""
