"""A simulated model provider on real HTTP, for tests and benchmarks; it is not a language model."""
