"""How trials are trained on several devices, and under the settings of the program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError, FatalValueError

from kt_extensions.distribute import Distribution, Strategy, checked
from kt_extensions.tuners.shared_batches import problem_of_data
from kt_extensions.tuners.undistributable import problem_of_model, warn_of_clipping


class ReplicatedTrials(kt.Tuner):  # type: ignore[misc]
    """A tuner that builds, loads and trains under a strategy.

    KerasTuner clears Keras' session before each build, and with it the dtype policy and the
    distribution that the program has set. They are set again in the build.
    """

    distribution_strategy: Any
    _distribution = Distribution()
    _workers: Any
    _has_trained = False  # in this process
    _has_completed = False  # a trial of the search, in whichever process
    _set_again: Callable[[], None] | None = None  # in a trial
    _fitting: contextlib.ExitStack | None = None  # ends with the fit of a model

    def _distribute(self, strategy: Strategy | None, given: Any) -> Any:
        """Keeps `strategy`, and returns the `distribution_strategy` for KerasTuner.

        Raises:
            ValueError: If they do not go together, or one of them is none that works.
        """
        self._distribution = Distribution(strategy)
        elsewhere = self._workers.are_elsewhere
        return None if given is None else _checked_given(strategy, given, elsewhere)

    def _try_run_and_update_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> None:
        with self._under_strategy():
            super()._try_run_and_update_trial(trial, *args, **kwargs)

    def on_trial_end(self, trial: Trial) -> None:
        """Ends the trial. Once one has completed, a refusal does not end the search any more."""
        self._has_completed |= trial.status == TrialStatus.COMPLETED
        super().on_trial_end(trial)

    def load_model(self, trial: Trial) -> keras.Model:
        """Returns the model of a trial, built under the strategy."""
        with self._under_strategy():
            return super().load_model(trial)

    def _populate_initial_space(self) -> None:
        with kept():
            super()._populate_initial_space()

    def _build_and_fit_model(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        try:
            with contextlib.ExitStack() as self._fitting:
                return super()._build_and_fit_model(trial, *args, **kwargs)
        finally:
            self._fitting = None

    def _enter_scope(self) -> None:
        """Enters the strategy's scope for `HyperModel.fit`, which may compile the model anew.

        To be called after the build: it clears the session, which must not be inside of a scope.
        """
        if self._fitting is not None and self.distribution_strategy is not None:
            self._fitting.enter_context(self.distribution_strategy.scope())

    def _build_hypermodel(self, hp: kt.HyperParameters) -> keras.Model:
        """Builds a model where the session has just been cleared."""
        if self._set_again is not None:
            self._set_again()
        model = super()._build_hypermodel(hp)
        if isinstance(model, keras.Model):
            self._refuse(problem_of_model(model))
        return model

    def _check_fit(self, model: keras.Model, settings: dict[str, Any]) -> None:
        """Refuses data that cannot be shared among the replicas, and what was compiled since."""
        self._refuse(problem_of_model(model) or problem_of_data(model, settings))
        warn_of_clipping(model)

    @contextlib.contextmanager
    def _under_strategy(self) -> Iterator[None]:
        """Has models be built and trained under the strategy.

        KerasTuner enters one of TensorFlow's where it builds and loads, if it is its attribute.
        """
        given, made = self.distribution_strategy, self._distribution.made()
        tensorflow = keras.backend.backend() == "tensorflow"
        with kept() as set_again:
            if made is not None and tensorflow:
                self.distribution_strategy = made
            self._set_again = set_again if tensorflow else _with(set_again, made)
            self._set_again()
            try:
                yield
            finally:
                self.distribution_strategy, self._set_again = given, None

    def _refuse(self, problem: str | None) -> None:
        """Ends the search, or only the trial if others have been trained before it."""
        if problem is None:
            return
        if self._has_trained or self._has_completed:
            raise FailedTrialError(problem)
        raise FatalValueError(problem)


@contextlib.contextmanager
def kept() -> Iterator[Callable[[], None]]:
    """Keeps Keras' dtype policy and distribution, whatever is set or cleared meanwhile.

    Yields:
        A function that sets them again.

    Example:

    >>> with kept() as set_again:
    ...     keras.backend.clear_session()
    ...     set_again()
    """
    policy, distribution = keras.config.dtype_policy(), keras.distribution.distribution()

    def set_again() -> None:
        if policy.name != keras.config.floatx():  # else it is the default, which may be changed
            keras.config.set_dtype_policy(policy)
        keras.distribution.set_distribution(distribution)

    try:
        yield set_again
    finally:
        keras.config.set_dtype_policy(policy)
        keras.distribution.set_distribution(distribution)


def _with(set_again: Callable[[], None], distribution: Any) -> Callable[[], None]:
    """Returns what sets a distribution, too, if there is one."""

    def both() -> None:
        set_again()
        if distribution is not None:
            keras.distribution.set_distribution(distribution)

    return both


def _checked_given(strategy: Strategy | None, given: Any, elsewhere: bool) -> Any:
    """Refuses a `distribution_strategy` that cannot be used."""
    if strategy is not None:
        raise ValueError(
            "Expected one of `strategy` and `distribution_strategy`. Received: "
            f"strategy={strategy!r}, distribution_strategy={given!r}. Leave out the latter, which "
            "is KerasTuner's name for it."
        )
    if elsewhere:
        raise ValueError(
            "Expected `strategy` with `isolate` or `workers`: a `distribution_strategy` exists in "
            f"one process only. Received: distribution_strategy={given!r}. Pass "
            "`strategy='mirrored'`, or a function that makes it: "
            "`strategy=lambda: tf.distribute.MirroredStrategy(['GPU:0', 'GPU:1'])`."
        )
    return checked(given)
