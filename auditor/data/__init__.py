"""Price table and report schema."""
