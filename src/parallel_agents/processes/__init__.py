"""Programs that are started for an attempt, and the processes below a process."""
