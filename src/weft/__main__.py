"""`python -m weft` is `weft`: this is where it begins."""

from __future__ import annotations

import sys

from weft.cli.up_to_date import run_if_up_to_date


def main() -> None:
    """Run the command line and leave with its exit code."""
    code = run_if_up_to_date(sys.argv[1:])
    if code is not None:
        sys.exit(code)
    # All else is loaded by those who have something to do.
    from weft.cli.main import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
