"""The subcommands of ``python -m libevent_py``, one module each (floor 9).

Each has ``add_parser(subparsers)``, which describes it to argparse, and
``run(arguments)``, which does it and returns the exit status.
"""
