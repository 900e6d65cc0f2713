"""Relay: frames that go to other clients as they are: typing, WebRTC signalling, and types of the client's own."""
