"""The CRM, as calls see it."""
