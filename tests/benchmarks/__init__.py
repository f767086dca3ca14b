"""Numbers against the AWS CLI, on demand: ``python -m tests.benchmarks``. The test suite runs nothing of it."""
