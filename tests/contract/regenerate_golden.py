"""Golden trajectories: what every sampler proposes, written down to be compared with.

    python -m tests.contract.regenerate_golden

writes them anew and prints which have changed. The tests never write.

A proposal is made after those that were written down, not after those of the same run: where one
differs by rounding, those after it are not led astray.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from kt_extensions.history import TrialTable
from kt_extensions.samplers import REGISTRY, Sampler
from kt_extensions.space.domains import BELOW_ONE, Value
from kt_extensions.testing import SCORES, SPACES

FILE = Path(__file__).parent / "golden.json"
SPACE_NAMES = ("mixed", "deep conditions")
N_TRIALS = 25
SEED = 3

Proposals = list[list[float]]


def read() -> tuple[str, dict[str, dict[str, Proposals]]]:
    """Returns SciPy's version and the proposals written down with it, by sampler and space."""
    golden = json.loads(FILE.read_text())
    return golden["scipy"], golden["proposals"]


def scipy_version() -> str:
    """Returns the major and the minor version."""
    return ".".join(scipy.__version__.split(".")[:2])


def replayed(sampler: Sampler, space_name: str, golden: Proposals) -> Proposals:
    """Returns what a sampler proposes after each beginning of a trajectory."""
    table = TrialTable(SPACES[space_name], SEED)
    proposals = []
    for number, written in enumerate(golden):
        proposals.append(proposed(sampler, table))
        _run(table, number, written)
    return proposals


def recorded(sampler: Sampler, space_name: str) -> Proposals:
    """Returns the proposals of a search."""
    table = TrialTable(SPACES[space_name], SEED)
    for number in range(N_TRIALS):
        _run(table, number, proposed(sampler, table))
    return table.history().proposal.tolist()


def proposed(sampler: Sampler, table: TrialTable) -> list[float]:
    """Returns a proposal, of nine significant digits."""
    point = sampler.suggest(table.history(), np.random.default_rng([SEED, len(table)]))
    return [min(float(f"{u:.9g}"), BELOW_ONE) for u in point.tolist()]


def _run(table: TrialTable, number: int, proposal: list[float]) -> None:
    """Adds a trial: every seventh fails, every fifth is pruned, and every other one is short."""
    point = np.array(proposal)
    x = table.space.snap(point[np.newaxis])[0]
    y = math.inf if number % 7 == 6 else float(SCORES["smooth"](x[np.newaxis], 1)[0])
    table.start(str(number), x, point)
    table.finish(str(number), x, y, fidelity=1 + 8 * (number % 2), pruned=number % 5 == 4)


def values(space_name: str, proposals: Proposals) -> list[dict[str, Value]]:
    """Returns the values of the active hyperparameters, for each proposal."""
    return [SPACES[space_name].decode(np.array(proposal)) for proposal in proposals]


def main() -> None:
    """Writes the trajectories of all registered samplers and prints which have changed."""
    before = read()[1] if FILE.exists() else {}
    after = {
        name: {space: recorded(REGISTRY[name](), space) for space in SPACE_NAMES}
        for name in sorted(REGISTRY)
    }
    FILE.write_text(_text({"scipy": scipy_version(), "proposals": after}))
    for name in sorted(before.keys() | after.keys()):
        for space in SPACE_NAMES:
            old, new = (golden.get(name, {}).get(space, []) for golden in (before, after))
            print(f"{name}, {space}: {_difference(old, new)}")


def _text(golden: dict[str, Any]) -> str:
    """Returns JSON with a proposal in each line."""
    text = json.dumps(golden, indent=1)
    return re.sub(r"\[([^][]+)\]", lambda row: f"[{' '.join(row[1].split())}]", text) + "\n"


def _difference(old: Proposals, new: Proposals) -> str:
    if old == new:
        return "unchanged"
    same = [a == b for a, b in zip(old, new, strict=False)]
    first = same.index(False) if False in same else len(same)
    return f"changed from trial {first}" if old and new else "new" if new else "gone"


if __name__ == "__main__":
    main()
