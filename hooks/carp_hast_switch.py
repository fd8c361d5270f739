"""`carp-hast-switch`, which devd(8) runs on every change of CARP and waits for."""

import sys

from remediate import worker


def main() -> int:
    """The hook with the words of the command line; the exit status."""
    return worker.carp(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
