"""`python -m analysis.submission STORE`."""

import sys

from analysis.submission.command import main

sys.exit(main())
