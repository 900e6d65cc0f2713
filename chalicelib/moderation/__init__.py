"""Moderation: kicks, bans, mutes, locks and slow messages, the audit of these acts, and reports of messages."""
