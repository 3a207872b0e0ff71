"""`python -m analysis.submission STORE`."""

import sys

from analysis.submission.command import main
from trainables.ledger.terminal import lenient_output

with lenient_output():
    code = main()
sys.exit(code)
