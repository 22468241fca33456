"""`python -m cube` is the `cube` command."""

from cube.cli.app import main

main()
