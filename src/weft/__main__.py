"""`python -m weft` is `weft`."""

from __future__ import annotations

from weft.cli.main import main

main()
