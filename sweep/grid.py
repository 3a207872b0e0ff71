"""`python -m sweep.grid [run|plan|status|tasks]`: the commands of a grid; `xstilts` has them too."""

import sys

from sweep.command_line.main import grid as main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
