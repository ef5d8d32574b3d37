"""`python -m parallel_agents` is the command `parallel-agents`."""

from parallel_agents.cli import main

if __name__ == "__main__":
    main()
