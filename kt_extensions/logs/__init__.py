"""What the logs of a search have in common: that in TensorBoard (`hparams`), that in MLflow."""
