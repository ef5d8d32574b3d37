"""What survives a crash: executions, tasks, attempts, answers and commands on one SQLite file."""

from parallel_agents.journal.checking import Checked, check
from parallel_agents.journal.location import default_path
from parallel_agents.journal.rebuild import Kept, Rebuilt, rebuild
from parallel_agents.journal.store import IN_MEMORY, SqliteJournal

__all__ = ["IN_MEMORY", "Checked", "Kept", "Rebuilt", "SqliteJournal", "check", "default_path", "rebuild"]
