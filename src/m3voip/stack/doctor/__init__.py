"""`m3voip doctor`: everything an operator would look at, each finding with what to do about it.

Law: one file a check, one line in registry.py; a check only looks (the test call is the one exception), never repairs,
and what it cannot see is a finding too.
"""
