"""`python -m cube` is the `cube` command."""

from cube.cli.entry import main

main()
