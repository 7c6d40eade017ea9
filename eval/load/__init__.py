"""The service under load: throughput, overhead, a long mixed load, faults: ``python -m tersus.eval.load``."""
