import os
import signal
import tempfile
from collections.abc import Iterator

import hypothesis
import pytest

# A shared machine may pause a test at any moment, so how long one example took says nothing; the test's time-out holds.
# Always the same examples, so that luck decides nothing; `--hypothesis-profile=explore` tries others, and more of them.
hypothesis.settings.register_profile("touchpoint", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1_000)
hypothesis.settings.load_profile("touchpoint")

# Whoever starts the tests in the background lets them ignore Ctrl-C, and the commands that they start with them.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own TOUCHPOINT_* variables never decide a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TOUCHPOINT_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def _nothing_left_in_the_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a killed process leaves there is removed with the folder that every process of the tests is given."""
    tmp_path_factory.getbasetemp()  # stays where it always is, so that a failed test can be looked into
    with tempfile.TemporaryDirectory(prefix="touchpoint-tests-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield
