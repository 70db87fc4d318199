"""sipvicious from an address of one's choice: ``python sipvicious_from.py svwar|svcrack ADDRESS OPTIONS…``. Its own option for
that (``-b``) is read and then forgotten (0.3.8)."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module

SCANNERS = {"svwar": "TakeASip", "svcrack": "ASipOfRedWine"}


def main() -> None:
    """Hand over to the program."""
    name, address = sys.argv[1:3]
    module = import_module(f"sipvicious.{name}")
    scanner = SCANNERS[name]
    setattr(module, scanner, partial(getattr(module, scanner), bindingip=address))
    sys.argv = [name, "-x", address, *sys.argv[3:]]
    module.main()


if __name__ == "__main__":
    main()
