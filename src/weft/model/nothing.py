"""What those have who declare nothing by name: one empty mapping for all of them.

An empty dictionary each would be 64 bytes more, and an object for the garbage collector to count. Nobody
writes to what a task holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTHING: Mapping[str, Any] = {}
