"""LocalStack plug-in: serves AWS services from moto, and repairs the faults that affect the tests."""
