"""Why a task runs again although it had a result: in a run that takes up another, or beside a cache."""

from __future__ import annotations

from typing import assert_never

from weft.model.miss import (
    CannotWrite,
    CopyCorrupt,
    CopyGone,
    EntryUnreadable,
    Expired,
    FieldChanged,
    Forced,
    InputAppeared,
    InputChanged,
    InputGone,
    InputMoved,
    MissReason,
    NothingKept,
    NotKeptReason,
    NotPutBack,
    NotStorable,
    OutputChanged,
    OutputGone,
    OutputMoved,
    OutputNotMade,
    Unreadable,
)
from weft.model.reason import (
    AgainReason,
    FailedBefore,
    FollowsOther,
    NeverFinished,
    NewTask,
    NotComparable,
    ResultNotKept,
    TaskChanged,
    WrittenOver,
)
from weft.model.sentences.ends import why_it_failed
from weft.model.sentences.order import why_not_beside


def why_it_runs_again(reason: AgainReason) -> str:
    """Return why a task of an earlier run is done again."""
    match reason:
        case NewTask():
            return "the earlier run did not have it"
        case NeverFinished():
            return "it was not done"
        case FailedBefore(because):
            return f"it failed: {why_it_failed(because)}"
        case ResultNotKept(kind):
            return f"its result is a {kind}, which the journal can't hold"
        case TaskChanged(parts):
            return f"it has changed: {', '.join(parts)}"
        case NotComparable(kind):
            return f"its arguments hold a {kind}, of which nobody can tell whether it is the same"
        case FollowsOther(task, because):
            return f"`{task}` runs again, and {why_not_beside(because)}"
        case WrittenOver(reader, path):
            return f"`{reader}` needs `{path}`, which others have written over"
        case _:
            assert_never(reason)


_AboutAFile = (
    InputChanged
    | InputGone
    | InputAppeared
    | InputMoved
    | OutputChanged
    | OutputGone
    | OutputNotMade
    | OutputMoved
    | NotPutBack
    | Unreadable
)


def why_not_cached(reason: MissReason | NotKeptReason) -> str:
    """Return why a kept result does not hold, or why a result is not kept."""
    match reason:
        case NothingKept():
            return "no result of it is kept"
        case Forced():
            return "the user wants it to"
        case FieldChanged(field):
            return f"its {field} has changed"
        case EntryUnreadable(problem):
            return f"what is kept of it can't be read: {problem}"
        case Expired(age_s, ttl_s):
            return f"its result is {age_s:,.0f} s old, and was good for {ttl_s:,.0f} s"
        case CopyGone(name):
            return f"the copy of {name} is missing from the cache"
        case CopyCorrupt(name):
            return f"the copy of {name} in the cache was corrupt, and has been dropped"
        case NotStorable(what, problem):
            return f"{what} can't be kept: {problem}"
        case CannotWrite(problem):
            return f"the cache can't be written to: {problem}"
        case _:
            return _about_a_file(reason)


def _about_a_file(reason: _AboutAFile) -> str:
    match reason:
        case InputChanged(path, what):
            return f"the {what} of its input `{path}` has changed"
        case InputGone(path):
            return f"its input `{path}` is gone"
        case InputAppeared(path):
            return f"its input `{path}` is new"
        case InputMoved(path):
            return f"its input `{path}` was written to while it ran"
        case OutputChanged(path, what):
            return f"the {what} of its output `{path}` has changed"
        case OutputGone(path):
            return f"its output `{path}` is missing"
        case OutputNotMade(path):
            return f"it did not make its output `{path}`"
        case OutputMoved(path):
            return f"its output `{path}` was written to after it had ended"
        case NotPutBack(path, problem):
            return f"its output `{path}` could not be put back: {problem}"
        case Unreadable(path, problem):
            return f"`{path}` can't be read: {problem}"
        case _:
            assert_never(reason)
