"""An IVR tree is data: read, checked, drawn and walked here. Pure: nothing in this folder awaits, logs or reads a clock.

Text → ``source`` (YAML with line numbers) → ``model`` (a tree of typed nodes) → ``lint`` (findings) → ``compile``
(prompts resolved) → ``interpreter`` (the ``Flow`` that a call follows). Each verb is one file in ``verbs/``.
"""
