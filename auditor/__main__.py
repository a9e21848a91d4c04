"""`python -m auditor` is `gke-auditor`."""

from .cli import main

if __name__ == "__main__":
    main()
