"""Runs the parts on one machine: folders, ports, secrets, Postgres, Asterisk in its own root, and the supervisor.

Law: nothing here knows what a call is. Everything a part needs to be started is derived from `Folders`, `Ports` and
`Secrets`; all three are remembered per instance, so a restart finds the same stack again.
"""
