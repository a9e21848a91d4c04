"""Carries text away: to a bucket or folder, by mail, to a chat."""
