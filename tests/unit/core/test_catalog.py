from typing import Any

import pytest

from pipeline.core import catalog as catalog_module
from pipeline.core.catalog import Catalog
from pipeline.core.catalog_check import clashes, read_catalog
from pipeline.core.model_check import read_model
from pipeline.core.models import Model
from tests.unit.core.passages import worked

MARCH = "2026-03-01T00:00:00Z"
MARCH_MS = 1_772_323_200_000
MINUTE = 60_000
HOUR = 60 * MINUTE
ENTRY: dict[str, Any] = {
    "name": "branch/*/teller",
    "channel": "branch",
    "emits": ["arrived", "served", "ended"],
    "owner": "branch management",
    "time_zone": "Europe/Berlin",
}


def model(**fields: Any) -> Model:  # noqa: ANN401 - a document may hold anything
    found, mistakes = read_model(worked() | {"applies_to": ["branch/*/teller"]} | fields)
    assert found is not None, mistakes
    return found


def catalog_of(
    *entries: dict[str, Any], channels: dict[str, Any] | None = None, models: tuple[Model, ...] = ()
) -> Catalog:
    document = {"channels": channels or {}, "touch_points": [ENTRY | entry for entry in entries]}
    catalog, mistakes = read_catalog(document, models or (model(),))
    assert catalog is not None, mistakes
    return catalog


def complaints(document: object, *models: Model) -> list[str]:
    catalog, mistakes = read_catalog(document, models or (model(),), {"Europe/Berlin"})
    assert (catalog is None) == bool(mistakes)
    return [f"{mistake.field}: {mistake.message}" for mistake in mistakes]


def test_a_pattern_resolves_names_segment_by_segment() -> None:
    catalog = catalog_of({})
    found = catalog.resolve("branch/042/teller", 0)
    assert found is not None
    assert (found.name, found.channel.name, found.model.name) == ("branch/042/teller", "branch", "worked_example")
    assert catalog.resolve("branch/042/teller", 0) is found


@pytest.mark.parametrize(
    "name",
    ["branch/042/atm", "branch/042", "branch/0/4/teller", "branch/*/teller", "branch//teller", "", "branch/a b/teller"],
)
def test_a_name_that_no_entry_fits_is_unknown(name: str) -> None:
    assert catalog_of({}).resolve(name, 0) is None


def test_an_exact_name_wins_over_patterns_whatever_the_order() -> None:
    catalog = catalog_of({"team": "all"}, {"name": "branch/001/teller", "team": "one"})
    teams = [found.team for name in ("branch/001/teller", "branch/002/teller") if (found := catalog.resolve(name, 0))]
    assert teams == ["one", "all"]


def test_the_most_literal_model_scores_a_touch_point() -> None:
    general, special = model(), model(name="special", applies_to=["branch/001/teller"])
    catalog = catalog_of({}, models=(general, special))
    names = [found.model.name for n in (1, 2) if (found := catalog.resolve(f"branch/00{n}/teller", 0))]
    assert names == ["special", "worked_example"]


def test_versions_stand_side_by_side_and_the_clock_chooses() -> None:
    old, new = model(), model(version=2, valid_from=MARCH)
    catalog = catalog_of({"team": "old"}, {"team": "new", "valid_from": MARCH}, models=(new, old))
    before, after = (catalog.resolve("branch/1/teller", clock) for clock in (MARCH_MS - 1, MARCH_MS))
    assert before is not None
    assert after is not None
    assert (before.team, before.model.version) == ("old", 1)
    assert (after.team, after.model.version) == ("new", 2)


def test_an_entry_is_unknown_before_it_is_valid() -> None:
    catalog = catalog_of({"valid_from": MARCH})
    assert catalog.resolve("branch/1/teller", MARCH_MS - 1) is None
    assert catalog.resolve("branch/1/teller", MARCH_MS) is not None


def test_windows_change_at_their_time_and_the_longest_ever_hold_for_the_horizon() -> None:
    windows = [{"idle_timeout": "1h"}, {"idle_timeout": "3h", "correction_window": "20m", "valid_from": MARCH}]
    catalog = catalog_of({}, channels={"branch": {"windows": windows}})
    idle = [found.windows.idle_timeout for at in (0, MARCH_MS) if (found := catalog.channel("branch", at))]
    assert idle == [HOUR, 3 * HOUR]
    assert catalog.longest_windows() == (3 * HOUR, 20 * MINUTE, 12 * HOUR)
    assert catalog.longest_windows(0) == (HOUR, 15 * MINUTE, 12 * HOUR)
    assert catalog.horizon() == 12 * HOUR + 3 * HOUR + 3 * 20 * MINUTE
    assert catalog.horizon(MARCH_MS - 1) == 12 * HOUR + HOUR + 3 * 15 * MINUTE
    assert catalog.horizon(MARCH_MS) == catalog.horizon()


def test_built_in_channels_have_the_windows_of_the_contract() -> None:
    catalog = catalog_of({})
    channels = {name: catalog.channel(name, 0) for name in ("call_center", "branch", "online_form")}
    described = {
        name: (found.windows.idle_timeout, found.waits_from, sorted(found.opening))
        for name, found in channels.items()
        if found
    }
    assert described == {
        "call_center": (15 * MINUTE, "queued", ["arrived"]),
        "branch": (2 * HOUR, "arrived", ["arrived"]),
        "online_form": (30 * MINUTE, "", ["arrived"]),
    }


def test_a_new_channel_reuses_types_of_the_contract() -> None:
    kiosk = {"types": ["arrived", "step", "ended"], "waits_from": "none", "windows": {"idle_timeout": "90s"}}
    catalog = catalog_of(
        {"name": "kiosk/hall", "channel": "kiosk", "emits": ["arrived", "ended"]},
        channels={"kiosk": kiosk},
        models=(model(applies_to=["kiosk/*"]),),
    )
    found = catalog.resolve("kiosk/hall", 0)
    assert found is not None
    assert found.channel.types == {"arrived", "step", "ended"}
    assert found.channel.windows.idle_timeout == 90_000


def test_unknown_names_are_not_remembered_and_known_ones_only_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "CACHED_NAMES", 10)
    catalog = catalog_of({})
    for number in range(25):
        assert catalog.resolve(f"strange/{number}/teller", 0) is None
        assert catalog.resolve(f"branch/{number}/teller", 0) is not None
    (resolved,) = catalog._resolved  # noqa: SLF001 - the bound is about this memory
    assert sorted(resolved) == [f"branch/{number}/teller" for number in range(20, 25)]


@pytest.mark.parametrize(
    "changed",
    [
        catalog_of({"emits": ["arrived", "ended"]}),
        catalog_of({"team": "another"}),
        catalog_of({"time_zone": "Asia/Tokyo"}),
        catalog_of({}, channels={"branch": {"windows": {"idle_timeout": "3h"}}}),
        catalog_of({}, channels={"online_form": {"opening": ["step_viewed"]}}),
        catalog_of({}, models=(model(version=2),)),
        catalog_of({}, models=(model(applies_to=["branch/*/teller", "branch/*/atm"]),)),
    ],
)
def test_content_that_decides_changes_the_fingerprint(changed: Catalog) -> None:
    assert changed.fingerprint(0) != catalog_of({}).fingerprint(0)


@pytest.mark.parametrize(
    "changed",
    [
        catalog_of({"owner": "somebody else"}),
        catalog_of({"emits": ["ended", "served", "arrived"]}),
        catalog_of({}, channels={"branch": {"windows": {"idle_timeout": "120m"}}}),
        catalog_of({}, models=(model(description="in other words"),)),
    ],
)
def test_content_that_decides_nothing_leaves_the_fingerprint(changed: Catalog) -> None:
    assert changed.fingerprint(0) == catalog_of({}).fingerprint(0)


def test_content_of_the_future_changes_the_fingerprint_only_once_it_is_valid() -> None:
    today = catalog_of({})
    future = catalog_of(
        {},
        {"team": "another", "valid_from": MARCH},
        channels={"branch": {"windows": [{}, {"idle_timeout": "3h", "valid_from": MARCH}]}},
        models=(model(), model(version=2, valid_from=MARCH)),
    )
    assert future.fingerprint(MARCH_MS - 1) == today.fingerprint(MARCH_MS - 1)
    assert future.fingerprint(MARCH_MS) != today.fingerprint(MARCH_MS)


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        (model(), model(coverage_floor=0.6), "worked_example version 1 exists with another content; raise the version"),
        (model(), model(), "worked_example version 1 stands in two files"),
        (model(), model(version=2), "both apply to branch/*/teller from the same time on"),
        (model(), model(name="other"), "both apply to branch/*/teller from the same time on"),
    ],
)
def test_models_that_cannot_stand_side_by_side_are_named(left: Model, right: Model, why: str) -> None:
    ((_, _, found),) = clashes([left, right])
    assert why in found


def test_versions_with_their_own_time_stand_side_by_side() -> None:
    assert clashes([model(), model(version=2, valid_from=MARCH)]) == []


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({}, "field 'touch_points' is missing"),
        ({"touch_points": [ENTRY | {"channel": "shop"}]}, "touch_points[0].channel: unknown channel 'shop'"),
        ({"touch_points": [ENTRY | {"emits": ["arived"]}]}, "emits[0]: unknown 'arived'; did you mean 'arrived'?"),
        ({"touch_points": [ENTRY | {"emits": ["queued"]}]}, "touch_points[0].emits[0]: unknown 'queued'"),
        ({"touch_points": [ENTRY | {"emits": ["ended"]}]}, "touch_points[0].emits: names no opening type"),
        ({"touch_points": [ENTRY | {"time_zone": "Berlin"}]}, "touch_points[0].time_zone: unknown time zone 'Berlin'"),
        ({"touch_points": [ENTRY | {"owner": None}]}, "touch_points[0].owner: must be text, not nothing"),
        ({"touch_points": [ENTRY, ENTRY]}, "touch_points[1].name: 'branch/*/teller' stands here twice"),
        ({"touch_points": [ENTRY | {"name": "branch/*/atm"}]}, "touch_points[0].name: no model applies to"),
        ({"touch_points": [ENTRY | {"colour": 1}]}, "touch_points[0].colour: unknown field"),
        ({"channels": {"branch": {"windows": {"idle_timeout": "soon"}}}}, "must be a duration, not 'soon'"),
        ({"channels": {"branch": {"windows": {"idle_timeout": "0m"}}}}, "must be a duration, not '0m'"),
        ({"channels": {"branch": {"windows": [{}, {}]}}}, "windows[1]: another entry has the same valid_from"),
        ({"channels": {"branch": {"opening": ["flown"]}}}, "channels.branch.opening[0]: unknown 'flown'"),
        ({"channels": {"branch": {"waits_from": "dawn"}}}, "channels.branch.waits_from: unknown 'dawn'"),
        ({"channels": {"kiosk": {}}}, "channels.kiosk: field 'types' is missing"),
        ({"channels": {"kiosk": {"windows": [{"valid_from": MARCH}]}}}, "first windows of a new channel"),
    ],
)
def test_a_mistake_in_the_catalog_is_refused_by_field_and_reason(document: object, complaint: str) -> None:
    found = complaints(document)
    assert any(complaint in line for line in found), found


def test_a_touch_point_that_is_valid_before_its_model_is_refused() -> None:
    found = complaints({"touch_points": [ENTRY]}, model(valid_from=MARCH))
    assert found == ["touch_points[0].name: no model applies to 'branch/*/teller' from the time the entry is valid"]
