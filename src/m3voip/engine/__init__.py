"""The only place that acts on behalf of a call: mailboxes, timers, recovery, drain."""
