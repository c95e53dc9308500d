"""`python -m mmser`: the command `mmser`, for `accelerate launch -m` and `torchrun -m`."""

import sys

from mmser.cli import main

if __name__ == "__main__":
    sys.exit(main())
