"""Records a run in the journal of its plan: opens that before anything begins, and lets go of it in the end.

Once the journal can't be written any more, what follows is held back until the end, and tried once more
then: a run that stops in order is not to be kept waiting by a disk that is full.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from weft.errors import UsageError
from weft.journal.database import JournalLost
from weft.journal.fingerprint import fingerprints
from weft.journal.writer import Header, JournalWriter
from weft.planning.prepare import PreparedPlan
from weft.runtime.folder import make_state_folder
from weft.runtime.layout import journal_of
from weft.scheduling.facts import Fact
from weft.sharing.owner import this_process

_log = logging.getLogger("weft.journal")


class Recording:
    """The journal of one run that is under way.

    Args:
        root: the directory that holds `.weft`.
        run_id: the run.
        prepared: its plan, if all of it is known before; else the run can't be resumed.

    Attributes:
        lost: why nothing can be recorded any more.

    Raises:
        JournalError: the journal can't be written.
        UsageError: nor can its folder be made.
    """

    def __init__(self, root: Path, run_id: str, prepared: PreparedPlan | None) -> None:
        self.lost: JournalLost | None = None
        self._held_back: list[Fact] = []
        self._is_closed = False
        path = journal_of(root)
        try:
            make_state_folder(root)
        except OSError as error:
            raise UsageError(
                f"can't make the folder of the journal, {path.parent}: {error.strerror}"
            ) from error
        plan = None if prepared is None else fingerprints(prepared.tasks)
        owner = msgspec.json.encode(this_process()).decode()
        header = Header(run_id, time.time(), owner, _command_line(), plan)
        # Of tasks that come one by one the names come from counting: what they took says nothing of others.
        self._writer = JournalWriter(path, header, learns=prepared is not None)

    def keep(self, facts: Sequence[Fact]) -> bool:
        """Write the facts of a turn; tell whether they are kept. Not even tried once they were not."""
        if self.lost is None:
            try:
                self._writer.append(facts)
            except JournalLost as lost:
                self.lost = lost
        else:
            self._held_back += facts
        return self.lost is None

    def close(self) -> None:
        """Let go of the journal, which has been given all there was, or tell once what it lacks."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            try:
                self._writer.append(self._held_back)
            finally:
                self._writer.close()
        except JournalLost as lost:
            _log.warning("how the run ended is not recorded: %s", str(lost).replace("\n  hint:", ";"))


def _command_line() -> tuple[str, ...]:
    program = Path(sys.argv[0]).name
    # `python -m weft` is told as what it stands for.
    return ("weft" if program == "__main__.py" else program, *sys.argv[1:])
