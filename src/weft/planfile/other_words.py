"""What others call the keys of a plan: make, just, Task, doit, compose, the files of build servers.

Only for hints: a plan has one word for each thing, and none of these is read.
"""

from __future__ import annotations

from collections.abc import Mapping

_OF_THE_PLAN: Mapping[str, str] = {
    "tasks": "steps targets stages commands recipes",
    "max_concurrent": "concurrency parallel parallelism max_parallel max_workers workers threads",
    "limits": "pools resources semaphores",
    "locks": "mutexes",
    "env": "environment variables vars",
}
_OF_A_TASK: Mapping[str, str] = {
    "run": "cmd cmds command commands script shell exec action actions recipe",
    "needs": "depends_on dependson depends dependencies deps after requires",
    "each": "for for_each foreach matrix loop with_items",
    "reads": "inputs input sources srcs file_dep",
    "writes": "outputs output outs generates produces creates targets",
    "retry": "retries attempts max_attempts",
    "cwd": "dir directory workdir working_dir working_directory",
    "env": "environment variables vars",
    "limits": "pool pools resources",
    "locks": "mutex",
}


def _hints(words: Mapping[str, str]) -> Mapping[str, str]:
    return {other: f"did you mean `{ours}`?" for ours, others in words.items() for other in others.split()}


# `jobs` is a number for some, and holds the tasks for others.
HINTS_OF_PLAN = {**_hints(_OF_THE_PLAN), "jobs": "did you mean `tasks`, or `max_concurrent`?"}
HINTS_OF_TASK = _hints(_OF_A_TASK)
