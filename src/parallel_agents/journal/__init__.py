"""What survives a crash: executions, tasks, attempts, answers and commands on one SQLite file."""

from parallel_agents.journal.location import default_path
from parallel_agents.journal.store import SqliteJournal

__all__ = ["SqliteJournal", "default_path"]
