"""OpenTelemetry traces, where ``tersus[otel]`` is installed and an exporter is configured.

The standard variables decide: ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_SERVICE_NAME``, ``OTEL_SDK_DISABLED``…
"""

from __future__ import annotations

import logging
import os

from fastapi import FastAPI

__all__ = ["instrument"]

log = logging.getLogger(__name__)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def instrument(app: FastAPI) -> bool:
    """Trace the app's requests if an endpoint is configured; whether that was done."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return False
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("an OpenTelemetry endpoint is set; to trace, run: pip install 'tersus[otel]'")
        return False
    os.environ.setdefault("OTEL_SERVICE_NAME", "tersus")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics")
    return True
