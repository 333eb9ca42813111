"""Search algorithms, fault tolerance and reporting for KerasTuner.

```python
import kt_extensions as kte

tuner = kte.TPE(build_model, objective="val_accuracy", max_trials=50, tensorboard_dir="logs")
tuner.search(x, y, epochs=10, validation_split=0.2)
```
"""

from kt_extensions import builders, hparams, oracles, plots, samplers
from kt_extensions.tuners import TPE, Tuner

__version__ = "0.1.0"

__all__ = ["TPE", "Tuner", "builders", "hparams", "oracles", "plots", "samplers"]
