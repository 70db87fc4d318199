"""Where a number's calls go is data: a route. Read, checked, decided and explained here. Pure: nothing awaits, logs or
reads a clock.

``model`` (a route as it is stored) → ``lint`` (faults, each with its field) → ``decide`` (the first rule that holds, and
why) → ``flow`` (the ``Flow`` that a call follows until it has been led to its tree, queue, mailbox or agent).
"""
