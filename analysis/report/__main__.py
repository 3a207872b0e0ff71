"""`python -m analysis.report STORE`."""

import sys

from analysis.report.command import main
from trainables.ledger.terminal import lenient_output

with lenient_output():
    code = main()
sys.exit(code)
