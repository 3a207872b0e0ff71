"""Ray's logger for MLflow, with what it says of a run at one time in one request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Metric, Param
from ray.air._internal.mlflow import _MLflowLoggerUtil
from ray.air.integrations.mlflow import MLflowLoggerCallback

from sweep.cluster.session import environment
from trainables.report import figures


def mlflow_logger(tracking_uri: str, experiment: str) -> MLflowLoggerCallback:
    """Ray's logger; the driver waits for every request, and Ray makes one for each figure."""
    made = MLflowLoggerCallback(tracking_uri=tracking_uri, experiment_name=experiment)
    made.mlflow_util = _InBatches()
    return made


class _InBatches(_MLflowLoggerUtil):
    def setup_mlflow(self, tracking_uri: str, **given: Any) -> bool:
        """MLflow writes its tracker into the environment, where the next sweep of this process would find it."""
        with environment({"MLFLOW_TRACKING_URI": tracking_uri}):
            done: bool = super().setup_mlflow(tracking_uri=tracking_uri, **given)
        return done

    def log_params(self, params_to_log: Mapping[str, Any], run_id: str) -> None:
        found = [Param(name, str(value)) for name, value in params_to_log.items()]
        self._get_client().log_batch(run_id, params=found)

    def log_metrics(self, step: int, metrics_to_log: Mapping[str, Any], run_id: str) -> None:
        now = int(time.time() * 1000)
        found = [Metric(name, float(value), now, step) for name, value in figures(metrics_to_log).items()]
        self._get_client().log_batch(run_id, metrics=found)
