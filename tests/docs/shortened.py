"""How long programs of the pages are shortened: for each page what is written, and what is run."""

SHORTENED = {
    "README.md": {"max_trials=25": "max_trials=2", "epochs=10": "epochs=1"},
    "docs/builders.md": {
        "max_trials=3": "max_trials=1",
        "max_trials=2": "max_trials=1",
        "epochs=2": "epochs=1",
    },
    "docs/distribution.md": {
        "max_trials=50": "max_trials=1",
        "epochs=20": "epochs=1",
        "epochs=90": "epochs=1",
    },
    "docs/exact_continuation.md": {"max_epochs=27": "max_epochs=2", "epochs=81": "epochs=3"},
    "docs/figures.md": {
        "max_trials=30": "max_trials=10",
        "max_trials=20": "max_trials=1",
        "epochs=10": "epochs=1",
    },
    "docs/hparams.md": {
        "max_trials=50": "max_trials=1",
        "max_epochs=30": "max_epochs=1",
        "epochs=10": "epochs=1",
    },
    "docs/isolation.md": {"max_trials=50": "max_trials=1", "epochs=20": "epochs=1"},
    "docs/mlflow.md": {"max_trials=50": "max_trials=1", "epochs=10": "epochs=1"},
    "docs/parallel.md": {
        "workers=4, project_name": "project_name",
        "max_trials=100": "max_trials=2",
        "workers=4": "workers=2",
        "epochs=20": "epochs=1",
    },
    "docs/results.md": {
        "max_trials=50": "max_trials=1",
        "cross_validation=5": "cross_validation=2",
        "epochs=10": "epochs=1",
    },
    "docs/several_objectives.md": {"max_trials=50": "max_trials=2", "epochs=10": "epochs=1"},
    "docs/tutorials/from_hyperband.md": {"max_trials=8": "max_trials=4"},
    "docs/tutorials/from_optuna.md": {
        "max_trials=6": "max_trials=2",
        "n_trials=6": "n_trials=2",
        "epochs=3": "epochs=1",
    },
    "docs/tutorials/from_random_search.md": {
        'max_trials=4, seed=1, directory="results", project_name="ours"': (
            'max_trials=1, seed=1, directory="results", project_name="ours"'
        ),
    },
    "docs/tutorials/manual_then_automatic.md": {
        '"second", max_trials=4': '"second", max_trials=1',
        "epochs=3": "epochs=1",
    },
    "docs/tutorials/tune_a_cnn.md": {
        "epochs=10": "epochs=1",
        "epochs=6": "epochs=2",
        "max_trials=8": "max_trials=2",
    },
    "docs/tutorials/tune_a_gru.md": {"max_trials=8": "max_trials=2", "epochs=5": "epochs=1"},
    "docs/tutorials/tune_an_mlp.md": {
        "epochs=8": "epochs=1",
        "max_trials=12": "max_trials=10",
        "max_trials=8": "max_trials=1",
    },
}
