"""Relay: forward frames to other clients: typing, WebRTC signalling, and types that the service does not define."""
