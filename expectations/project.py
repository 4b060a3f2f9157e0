"""Great Expectations' project folder: opened once per process, quiet, with nothing of a row in its files."""

import gc
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from expectations.suites import Rule, Suite

# SUMMARY and COMPLETE write failing values into JSON and HTML; this keeps the counts and no value.
VALUE_FREE = {"result_format": "BASIC", "partial_unexpected_count": 0}


@lru_cache(maxsize=1)
def great_expectations() -> Any:  # noqa: ANN401 - it ships no types
    """Import Great Expectations, which takes three seconds, with its reports home switched off.

    Its 400,000 objects stay for good: set apart, so that no garbage collection looks through them again.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    os.environ.setdefault("DO_NOT_TRACK", "true")
    import great_expectations as gx  # noqa: PLC0415 - heavy, and reads the settings above

    gc.freeze()
    return gx


@dataclass(slots=True)
class Prepared:
    """One suite in the project, its definition, and the checkpoint that runs it and builds the page."""

    suite: Suite
    batch: Any
    definition: Any
    checkpoint: Any


@dataclass(slots=True)
class Project:
    """An opened project folder and what this process has prepared in it."""

    folder: Path
    context: Any
    prepared: dict[str, Prepared] = field(default_factory=dict)

    def prepare(self, suite: Suite) -> Prepared:
        """Save the suite and its checkpoint, unless the very same ones were saved before."""
        known = self.prepared.get(suite.name)
        if known is None or known.suite.rules != suite.rules:
            known = self.prepared[suite.name] = self._save(suite)
        return known

    def forget(self, suite: Suite) -> None:
        """Prepare the suite anew the next time: what is in the folder is another process's by now."""
        self.prepared.pop(suite.name, None)

    def _save(self, suite: Suite) -> Prepared:
        gx = great_expectations()
        from great_expectations.checkpoint.actions import UpdateDataDocsAction  # noqa: PLC0415 - heavy

        # A source of its own: adding one again drops the assets that it had.
        asset = self.context.data_sources.add_or_update_pandas(suite.name).add_dataframe_asset(suite.name)
        batch = asset.add_batch_definition_whole_dataframe("whole")
        rules = gx.ExpectationSuite(name=suite.name, expectations=[expectation(rule) for rule in suite.rules])
        saved = self.context.suites.add_or_update(rules)
        definition = self.context.validation_definitions.add_or_update(
            gx.ValidationDefinition(name=suite.name, data=batch, suite=saved)
        )
        checkpoint = gx.Checkpoint(
            name=suite.name,
            validation_definitions=[definition],
            actions=[UpdateDataDocsAction(name="data_docs")],
            result_format=VALUE_FREE,
        )
        return Prepared(suite, batch, definition, self.context.checkpoints.add_or_update(checkpoint))


_open: dict[Path, Project] = {}


def open_project(folder: Path) -> Project:
    """The project in `folder`, made where there is none.

    Great Expectations knows one active project per process, so opening another one closes the first.
    """
    if folder not in _open:
        _open.clear()
        gx = great_expectations()
        from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415 - heavy

        context = gx.get_context(mode="file", project_root_dir=str(folder))
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        context.variables.save()
        _open[folder] = Project(folder, context)
    return _open[folder]


def expectation(rule: Rule) -> Any:  # noqa: ANN401 - Great Expectations ships no types
    """A rule as Great Expectations knows it; the sentence stands on its page."""
    great_expectations()
    from great_expectations import expectations as known  # noqa: PLC0415 - heavy

    return getattr(known, rule.expectation)(**rule.arguments, notes=rule.sentence)
