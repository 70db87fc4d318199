"""`python -m m3voip` is the same as the `m3voip` command."""

from m3voip.cli import main

main()
