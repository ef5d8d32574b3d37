"""What survives a crash: executions, tasks, attempts, answers and commands on one SQLite file."""
