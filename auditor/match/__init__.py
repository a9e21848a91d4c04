"""A snapshot becomes findings. Pure: no clock, no network, no environment."""

from .judge import judge

__all__ = ["judge"]
