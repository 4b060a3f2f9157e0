"""Great Expectations in memory: it judges frames and draws pages, and keeps nothing on the disk by itself."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np
import pandas as pd

from expectations.results import Stored
from expectations.suites import Rule, Suite
from handrail.errors import GateBroken, HandrailError

# SUMMARY and COMPLETE write failing values into the result; this keeps the counts and no value.
_VALUE_FREE = {"result_format": "BASIC", "partial_unexpected_count": 0}
_WITH_ROWS = {"result_format": "COMPLETE", "unexpected_index_column_names": ["case_id"]}


@dataclass(frozen=True, slots=True)
class BrokenBy:
    """How many rows broke a rule, and the ids of their cases; none where the rule is about the whole frame."""

    count: int
    case_ids: tuple[int | None, ...]


_one_at_a_time = RLock()  # Great Expectations keeps its active context in a global


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


def judge(suite: Suite, view: pd.DataFrame) -> Any:  # noqa: ANN401 - Great Expectations ships no types
    """Hold a view of a frame against all rules; what comes back counts, in their order, and holds no value.

    Raises:
        GateBroken: a rule could not be evaluated. That says nothing of the data.
    """
    with _told(f"The gate {suite.name!r} broke", _AGAIN):
        result = _batch(view).validate(_expectations(suite.name, suite.rules), result_format=_VALUE_FREE)
        _require_evaluated(suite.name, suite.rules, result)
        result.meta["run_id"] = _run_id(suite)
    return result


def name_rows(suite: Suite, view: pd.DataFrame, broken: Sequence[Rule]) -> list[BrokenBy]:
    """Ask again which rows broke the rules; for each rule how many did, and which.

    Raises:
        GateBroken: as `judge`.
    """
    if not broken:
        return []
    with _told(f"The gate {suite.name!r} broke", _AGAIN):
        result = _batch(view).validate(_expectations("broken", broken), result_format=_WITH_ROWS)
        _require_evaluated(suite.name, broken, result)
        return [_broken_by(one.result) for one in result.results]


def _broken_by(broken: Any) -> BrokenBy:  # noqa: ANN401 - Great Expectations ships no types
    places = broken.get("unexpected_index_list") or ()
    cases = (place["case_id"] for place in places)
    # A number of numpy's is none that JSON takes.
    plain = tuple(dict.fromkeys(case.item() if isinstance(case, np.generic) else case for case in cases))
    return BrokenBy(int(broken.get("unexpected_count") or 0), plain)


def page_of_result(stored: Stored) -> str:
    """A stored result as Great Expectations' own page.

    Raises:
        GateBroken: it cannot be drawn.
    """

    def document() -> Any:  # noqa: ANN401 - Great Expectations ships no types
        from great_expectations.render.renderer.page_renderer import (  # noqa: PLC0415 - heavy
            ValidationResultsPageRenderer,
        )

        return ValidationResultsPageRenderer().render(_read(stored))

    return _drawn(document)


def page_of_rules(stored: Stored) -> str:
    """The rules that a stored result was held against, as Great Expectations' own page.

    Raises:
        GateBroken: as `page_of_result`.
    """

    def document() -> Any:  # noqa: ANN401 - Great Expectations ships no types
        from great_expectations.render.renderer.page_renderer import (  # noqa: PLC0415 - heavy
            ExpectationSuitePageRenderer,
        )

        result = _read(stored)
        suite = great_expectations().ExpectationSuite(name=result.suite_name)
        for one in result.results:
            one.expectation_config.kwargs.pop("batch_id", None)
            suite.add_expectation_configuration(one.expectation_config)
        renderer: Any = ExpectationSuitePageRenderer()
        return renderer.render(suite)

    return _drawn(document)


def _drawn(document: Callable[[], Any]) -> str:
    with _told("A validation report could not be drawn", "Run the same command again; what was judged stays."):
        _definition()
        return str(_view().render(document()))


@lru_cache(maxsize=1)
def _view() -> Any:  # noqa: ANN401 - Great Expectations ships no types
    """Its templates, which take longer to compile than a page takes to draw."""
    from great_expectations.render.view.view import DefaultJinjaPageView  # noqa: PLC0415 - heavy

    return DefaultJinjaPageView()


def _read(stored: Stored) -> Any:  # noqa: ANN401 - Great Expectations ships no types
    from great_expectations.core.expectation_validation_result import (  # noqa: PLC0415 - heavy
        expectationSuiteValidationResultSchema,
    )

    return expectationSuiteValidationResultSchema.load(stored)


@lru_cache(maxsize=1)
def _definition() -> Any:  # noqa: ANN401 - Great Expectations ships no types
    """The process's only context, without a file, and in it the one way from a frame to a batch."""
    gx = great_expectations()
    from great_expectations.data_context.types.base import (  # noqa: PLC0415 - heavy
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        ),
    )
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _batch(view: pd.DataFrame) -> Any:  # noqa: ANN401 - Great Expectations ships no types
    return _definition().get_batch(batch_parameters={"dataframe": view})


def _expectations(name: str, rules: Sequence[Rule]) -> Any:  # noqa: ANN401 - Great Expectations ships no types
    gx = great_expectations()
    from great_expectations import expectations as known  # noqa: PLC0415 - heavy

    made = [getattr(known, rule.expectation)(**rule.arguments, notes=rule.sentence) for rule in rules]
    return gx.ExpectationSuite(name=name, expectations=made)


def _run_id(suite: Suite) -> Any:  # noqa: ANN401 - Great Expectations ships no types
    """Name the run by the moment it speaks of, which `--as-of` may have put into the past."""
    from great_expectations.core.run_identifier import RunIdentifier  # noqa: PLC0415 - heavy

    return RunIdentifier(run_name=f"{suite.now:%Y-%m-%d %H.%M}" if suite.now else suite.name)


def _require_evaluated(name: str, rules: Sequence[Rule], result: Any) -> None:  # noqa: ANN401 - as above
    """A rule that raised counts as failed there; here it must not be taken for bad data, nor for good."""
    if len(result.results) != len(rules):
        raise GateBroken(f"The gate {name!r} judged {len(result.results)} of {len(rules)} rules. {_AGAIN}")
    for rule, one in zip(rules, result.results, strict=True):
        told = one.exception_info or {}
        if any(each.get("raised_exception") for each in (told, *told.values()) if isinstance(each, dict)):
            raise GateBroken(f"The gate {name!r} could not judge {rule.expectation}. {_AGAIN}")


_AGAIN = "Nothing was decided about the data. Run the same command again; if it happens again, reinstall Handrail."


@contextmanager
def _told(what: str, remedy: str) -> Iterator[None]:
    """One at a time, with any fault of Great Expectations told as its own and not as the data's."""
    with _one_at_a_time:
        try:
            yield
        except HandrailError:
            raise
        except Exception as fault:  # a library's own: there is no common class, and its message may quote a value
            raise GateBroken(f"{what} ({type(fault).__name__}). {remedy}") from fault
