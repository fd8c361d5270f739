"""`hastwatch-hast-event`, which hastd(8) runs on its events (hast.conf(5), `exec`)."""

import sys

from remediate import worker


def main() -> int:
    """The hook with the words of the command line; the exit status."""
    return worker.hast(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
