"""What every other folder builds on: errors, settings, time, text, JSON, in-process limits, logs and telemetry."""
