"""`python -m sweep.search`: the command `search`; `xstilts search` is the same."""

import sys

from sweep.command_line.main import search as main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
