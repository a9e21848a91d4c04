"""A snapshot becomes findings. Pure: no clock, no network, no environment."""
