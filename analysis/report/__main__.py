"""`python -m analysis.report STORE`."""

import sys

from analysis.report.command import main

sys.exit(main())
