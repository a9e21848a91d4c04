"""Renderers: a report becomes text. A renderer returns a string and never prints or drops a finding."""
