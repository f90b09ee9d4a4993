"""Writes the generated contract: `python -m pipeline.contract [FOLDER]`, by default into `schemas`."""

import sys
from pathlib import Path

from pipeline.contract.files import write

if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas"))
