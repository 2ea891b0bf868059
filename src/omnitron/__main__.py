"""`python -m omnitron`: the same as the command `omnitron`."""

import sys

from omnitron_command import main

if __name__ == "__main__":
    sys.exit(main())
