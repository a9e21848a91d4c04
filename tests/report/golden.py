"""Golden files: text that somebody has read and found right. They change only on purpose, and by hand or this switch.

UPDATE_GOLDEN=1 pytest tests/report      then read `git diff fixtures/golden` before it is committed
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "golden"


def assert_golden(file_name: str, text: str) -> None:
    path = FOLDER / file_name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"{path} differs; read the difference, then UPDATE_GOLDEN=1 if it is right"
