"""The CRM's door: HTTP under /v1. Law: a route translates and asks; it decides nothing about a call."""
