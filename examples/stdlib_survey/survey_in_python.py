"""The survey from Python: one call instead of a plan."""

from __future__ import annotations

import warnings

from sources import find_sources
from survey import survey

import weft

warnings.simplefilter("ignore")  # old escapes in old sources are not our matter

sources = {name: files for name, files in find_sources().items() if files}
surveys = weft.map(lambda name: survey(name, sources[name]), sources, max_concurrent=4)
table = weft.aggregate.frequency(dict(zip(sources, surveys, strict=True)), field="patterns", threshold=0.4)
print(table.to_markdown())
