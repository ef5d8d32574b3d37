"""What things are and which moves are legal: pure values and rules.

Nothing here does I/O, reads a clock, draws a random number or imports asyncio.
"""
