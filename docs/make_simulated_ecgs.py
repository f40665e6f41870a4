"""Draw the simulated tracings of simulation.md on ECG paper: `python docs/make_simulated_ecgs.py`.

Those with generated beats need the optional package deepfake-ecg.
"""

from pathlib import Path

import numpy as np

from ecg_ccta.ecg_paper import draw_ecg
from ecg_ccta.signals.generate_ecgs import generate_ecgs
from ecg_ccta.sources.alterations import altered_by
from ecg_ccta.sources.ecg_generator import load_generator
from ecg_ccta.sources.heart_beats import simulate_hearts, tracings
from ecg_ccta.vessels import SAMPLING_RATE, VESSELS

FOLDER = Path(__file__).parent / "images"
EXPRESSIONS = {"normal": (None, 0.0), "lad": ("LAD", 1.2), "rca": ("RCA", 1.8)}
SEED = 4


def main() -> None:
    for name, (vessel, size) in EXPRESSIONS.items():
        # The same seed gives the same heart, so that the pictures differ by the alteration alone.
        rng = np.random.default_rng(SEED)
        hearts = simulate_hearts(np.array([58.0]), np.array([True]), rng)
        expression = np.zeros((1, len(VESSELS)))
        if vessel:
            expression[0, VESSELS.index(vessel)] = size
        signal = tracings(hearts, altered_by(expression), rng, sampling_rate=SAMPLING_RATE)[0]
        title = "Simulated, no alteration" if vessel is None else f"Simulated, {vessel} expression {size}"
        figure = draw_ecg(signal, SAMPLING_RATE, title)
        figure.savefig(FOLDER / f"simulated-{name}.png", dpi=110)
    healthy = generate_ecgs(1, SEED, load_generator())
    for name, size in {"generated-normal": 0.0, "generated-lad": 1.2}.items():
        signal = healthy.tracings(altered_by(size * (np.array(VESSELS) == "LAD")[None]))[0]
        title = f"Generated, {'LAD expression ' + str(size) if size else 'no alteration'}"
        draw_ecg(signal, SAMPLING_RATE, title).savefig(FOLDER / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
