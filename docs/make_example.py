"""Run docs/examples/library.ipynb and write what its cells print and draw into it.

python docs/make_example.py
"""

import base64
import io
import json
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

NOTEBOOK = Path(__file__).resolve().parent / "examples" / "library.ipynb"


def execute(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run the code cells in order, in the notebook's folder, and return the notebook with their outputs.

    Jupyter is not needed: the cells are plain Python that prints what it shows, and figures still open are drawn.
    """
    namespace: dict[str, Any] = {}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            printed = io.StringIO()
            with chdir(NOTEBOOK.parent), redirect_stdout(printed):
                exec(compile("".join(cell["source"]), f"cell {count}", "exec"), namespace)
            cell = cell | {"execution_count": count, "outputs": _printed(printed.getvalue()) + _drawn()}
        cells.append(cell)
    return notebook | {"cells": cells}


def _printed(text: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}] if text else []


def _drawn() -> list[dict[str, Any]]:
    pictures = []
    for number in plt.get_fignums():
        file = io.BytesIO()
        plt.figure(number).savefig(file, format="png", dpi=72, metadata={"Software": None})
        picture = base64.b64encode(file.getvalue()).decode()
        pictures.append({"output_type": "display_data", "metadata": {}, "data": {"image/png": picture}})
    plt.close("all")
    return pictures


if __name__ == "__main__":
    plt.switch_backend("agg")
    executed = execute(json.loads(NOTEBOOK.read_text("utf-8")))
    NOTEBOOK.write_text(json.dumps(executed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
