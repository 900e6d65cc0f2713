"""Moderation: kicks, bans, mutes, locks and slow messages, and the audit of these acts."""
