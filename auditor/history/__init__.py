"""What earlier runs knew, and how two reports differ. Pure but for its store (deliver/storage.py)."""
