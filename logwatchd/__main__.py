"""`python -m logwatchd` is the command line."""

import sys

from logwatchd.cli import main

sys.exit(main())
