"""LocalStack plug-in: AWS services served from moto, with the faults mended that our tests would trip over."""
