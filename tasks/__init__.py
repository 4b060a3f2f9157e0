"""The verbs: each task loads, decides, saves and records; importing them starts nothing."""

import os

# No library may call home; see docs/decisions. Set before Prefect, MLflow or Great Expectations are imported.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "False",
    "GX_ANALYTICS_ENABLED": "false",
}
for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)
