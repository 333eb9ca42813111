"""What a worker does for the tuner of another process."""

from __future__ import annotations

import functools
import gc
from typing import Any, cast

import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_extensions import declared, hparams
from kt_extensions.data import made
from kt_extensions.isolation import Asking, Remote, Workplace
from kt_extensions.progress import SearchProgress
from kt_extensions.tuners.continued_by_hand import ContinuedByHand
from kt_extensions.tuners.elsewhere import LogElsewhere
from kt_extensions.tuners.garbage import LongLived

_STAYS = ("_live", "_has_trained", "_long_lived", "_distribution", "_data")
"""What a tuner has of the process that it is in: it passes on to the next one there."""

Result = tuple[kt.HyperParameters, str, str | None]


def run(
    workplace: Workplace, tuner: ContinuedByHand, trial: Trial, logs: bool, shows: bool
) -> Result:
    """Runs a trial, and returns what KerasTuner notes in it.

    Args:
        workplace: Its content is the hypermodel and the arguments of `search`.
        tuner: A copy of the tuner, without what stays with it, or is in the content.
        trial: The trial.
        logs: Whether the tuner logs.
        shows: Whether it shows its progress.

    Returns:
        The trial's hyperparameters, status and message.
    """
    _settle(workplace, tuner, logs, shows)
    _, args, kwargs = workplace.content
    tuner._try_run_and_update_trial(trial, *args, **kwargs)
    if "tuner" not in workplace.kept:
        gc.unfreeze()  # what the imports have made: from here on the tuner sees to that
    workplace.kept["tuner"] = {name: vars(tuner)[name] for name in _STAYS if name in vars(tuner)}
    return trial.hyperparameters, trial.status, trial.message


def read_declared(workplace: Workplace) -> kt.HyperParameters:
    """Returns what the hypermodel declares."""
    hyperparameters = kt.HyperParameters()
    hyperparameters.merge(declared.read(workplace.content[0]).hyperparameters)
    return hyperparameters


def populate(workplace: Workplace, tuner: Any, populate: Any) -> None:
    """Has a tuner build models until its oracle knows the space.

    Args:
        workplace: Its content begins with the hypermodel.
        tuner: A copy of the tuner, as for `run`.
        populate: KerasTuner's method for it, as a function.
    """
    tuner.hypermodel = workplace.content[0]
    tuner.oracle = Remote(workplace.channel, "oracle")
    populate(tuner)


def prepare(workplace: Workplace, hp: kt.HyperParameters) -> kt.HyperParameters:
    """Returns hyperparameters with those that the hypermodel adds for the data of a search.

    Args:
        workplace: Its content is the hypermodel and the arguments of `search`.
        hp: Those that are known.
    """
    hypermodel, args, kwargs = workplace.content
    args, kwargs = made(args, kwargs)
    hypermodel.prepare_search(hp, *args, **kwargs)
    return hp


def _settle(workplace: Workplace, tuner: Any, logs: bool, shows: bool) -> None:
    """Gives a tuner what it needs here: what stands for things of the other process, above all."""
    channel = workplace.channel
    tuner._long_lived = LongLived()
    vars(tuner).update(workplace.kept.get("tuner", {}))
    tuner.hypermodel = workplace.content[0]
    tuner.oracle = Remote(channel, "oracle")
    tuner._hparams = cast("hparams.HParamsLogger", LogElsewhere(channel)) if logs else None
    tuner._progress = cast(SearchProgress, Remote(channel, "progress")) if shows else None
    vars(tuner)["report_epoch"] = functools.partial(_report_epoch, channel, tuner)
    vars(tuner)["report_score"] = functools.partial(_report_score, channel)


def _report_epoch(channel: Asking, tuner: Any, *report: Any) -> bool:
    """Reports an epoch to the tuner's process, which keeps the reports and judges the trial."""
    stopped: bool = channel.ask("call", "tuner", "report_epoch", report, {})
    tuner._stopped = stopped
    return stopped


def _report_score(channel: Asking, *report: Any) -> None:
    channel.ask("call", "tuner", "report_score", report, {})
