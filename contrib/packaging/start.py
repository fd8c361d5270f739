"""Start a command of hastwatch from its private directory: `python -EsB start.py MODULE PROGRAM ARGUMENTS`.

The wrappers of an installation run this (`stage.py`). Its own directory has the packages and is the first that Python
looks into, so that they meet nobody else's. What is imported before the command's own code can fail where the Python
that the installation was made for is gone: another one that stands in for it may lack a dependency. Then a plugin is
UNKNOWN in one line, not WARNING, which the status 1 of a traceback would be.
"""

import sys
from importlib import import_module

UNKNOWN = 3
NOT_FOUND = 127
"""What a shell ends with where there is no such command."""


def main() -> int:
    """The command's own exit status."""
    module, program = sys.argv[1:3]
    sys.argv[:3] = [program]
    name = program.rpartition("/")[2]
    try:
        command = import_module(module)
    except ImportError as error:
        lacks = f"{sys.executable} cannot run it: {error}; install hastwatch anew for this Python"
        if name.startswith("check_"):
            print(f"UNKNOWN - {name}: {lacks}")
            return UNKNOWN
        print(f"{name}: {lacks}", file=sys.stderr)
        return NOT_FOUND
    status: int = command.main()
    return status


if __name__ == "__main__":
    sys.exit(main())
