"""`python -m circuitcheck` is `circuitcheck`."""

import sys

from circuitcheck.cli import main

sys.exit(main())
