import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import ConfigError, StackError
from pipeline.settings import Settings, doc, load_settings
from pipeline.settings_sources import variable
from pipeline.settings_table import describe

SECRET = "a-secret-nobody-should-see"  # noqa: S105 - invented, to look for where it must not be


def mistakes() -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return str(caught.value).splitlines()


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "touchpoint.toml"
    monkeypatch.setenv("TOUCHPOINT_CONFIG_FILE", str(path))
    return path


def test_without_any_source_every_setting_has_its_default() -> None:
    assert load_settings().model_fields_set == set()


def test_every_setting_has_unit_valid_values_and_help() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description or not doc(name).unit]
    assert undescribed == []


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file.write_text('epoch = 3\ngroup = "from-file"\n')
    monkeypatch.setenv("TOUCHPOINT_EPOCH", "7")
    settings = load_settings()
    assert (settings.epoch, settings.group, settings.database) == (7, "from-file", "touchpoint")


def test_a_variable_set_to_nothing_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPOINT_EPOCH", "")
    assert load_settings().epoch == 0


def test_a_list_is_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPOINT_PLACEHOLDER_CUSTOMERS", '["", "0", "unknown"]')
    assert load_settings().placeholder_customers == ("", "0", "unknown")


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().epoch = 1


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("TOUCHPOINT_KAFKKA", "did you mean TOUCHPOINT_KAFKA?"),
        ("TOUCHPOINT_TOPIC_PREFIXES", "did you mean TOUCHPOINT_TOPIC_PREFIX?"),
        ("touchpoint_epoch", "did you mean TOUCHPOINT_EPOCH?"),
        ("TOUCHPOINT_QQQ", "`touchpoint config show` lists all settings"),
    ],
)
def test_an_unknown_variable_is_an_error_with_near_matches(
    name: str, suggestion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert mistakes() == [f"unknown variable {name}: {suggestion}"]


def test_an_unknown_key_in_the_file_is_an_error_with_near_matches(config_file: Path) -> None:
    config_file.write_text("epohc = 3\n[worker]\nx = 1\n")
    assert mistakes() == [
        f"unknown setting epohc in {config_file}: did you mean epoch?",
        f"unknown setting worker in {config_file}: `touchpoint config show` lists all settings",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOUCHPOINT_EPOCH", "4096"),
        ("TOUCHPOINT_EPOCH", "one"),
        ("TOUCHPOINT_KAFKA", "broker"),
        ("TOUCHPOINT_KAFKA", "a:1, b:2"),
        ("TOUCHPOINT_CLICKHOUSE", "a:1,b:2"),
        ("TOUCHPOINT_DATABASE", "1st`; DROP"),
        ("TOUCHPOINT_TOPIC_PREFIX", "a b"),
        ("TOUCHPOINT_PARTITIONER", "random"),
        ("TOUCHPOINT_PLACEHOLDER_CUSTOMERS", "0"),
        ("TOUCHPOINT_PLACEHOLDER_CUSTOMERS", "[0]"),
        ("TOUCHPOINT_FLUSH_INTERVAL_SECONDS", "0"),
        ("TOUCHPOINT_FLUSH_INTERVAL_SECONDS", "nan"),
        ("TOUCHPOINT_REJECT_SHARE_LIMIT", "1.5"),
    ],
)
def test_an_invalid_value_is_one_line_with_the_valid_values(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert mistakes() == [f"{name}: must be {doc(name.removeprefix('TOUCHPOINT_').lower()).valid}"]


def test_every_mistake_is_reported_at_once(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config_file.write_text("partitions = 0\n")
    monkeypatch.setenv("TOUCHPOINT_EPOCH", "-1")
    assert mistakes() == [f"partitions in {config_file}: must be 1 to 10000", "TOUCHPOINT_EPOCH: must be 0 to 4095"]


@pytest.mark.parametrize("content", [b"epoch = ", b"\xff"])
def test_a_file_that_is_not_toml_is_named(content: bytes, config_file: Path) -> None:
    config_file.write_bytes(content)
    assert mistakes()[0].startswith(f"TOUCHPOINT_CONFIG_FILE={config_file}: ")


def test_a_missing_file_is_named(config_file: Path) -> None:
    assert mistakes() == [f"TOUCHPOINT_CONFIG_FILE={config_file}: No such file or directory"]


def test_a_heartbeat_that_could_cost_the_partitions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOUCHPOINT_HEARTBEAT_SECONDS", "6")
    assert mistakes() == ["heartbeat_seconds: must be above 0, at most a third of session_timeout_seconds"]


class TestAddresses:
    def test_a_set_address_wins_over_the_running_stack(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "stack.json").write_text('{"kafka": {"address": "127.0.0.1:1", "pid": 1}}')
        monkeypatch.setenv("TOUCHPOINT_STATE_DIR", str(tmp_path))
        monkeypatch.setenv("TOUCHPOINT_KAFKA", "broker-1:9092,[::1]:9093")
        assert load_settings().kafka_address() == "broker-1:9092,[::1]:9093"

    def test_an_unset_address_is_that_of_the_running_stack(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stack = {"kafka": {"address": "127.0.0.1:1", "pid": 1}, "clickhouse": {"address": "127.0.0.1:2", "pid": 2}}
        (tmp_path / "stack.json").write_text(json.dumps(stack))
        monkeypatch.setenv("TOUCHPOINT_STATE_DIR", str(tmp_path))
        settings = load_settings()
        assert (settings.kafka_address(), settings.clickhouse_address()) == ("127.0.0.1:1", "127.0.0.1:2")

    def test_without_a_stack_the_error_says_what_to_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOUCHPOINT_STATE_DIR", str(tmp_path))
        with pytest.raises(StackError) as caught:
            load_settings().clickhouse_address()
        expected = f"no running stack in {tmp_path}: run `touchpoint stack up`, or set TOUCHPOINT_CLICKHOUSE"
        assert str(caught.value) == expected

    @pytest.mark.parametrize("path", ["a" * 300, "/a" * 2500], ids=["one name", "all of it"])
    def test_a_path_that_no_file_system_takes_is_refused(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOUCHPOINT_STATE_DIR", path)
        assert mistakes() == ["state_dir: the path is too long: set TOUCHPOINT_STATE_DIR to a shorter one"]

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"kafka": {}}', '{"kafka": null}'])
    def test_a_damaged_state_file_is_named(self, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "stack.json").write_text(content)
        monkeypatch.setenv("TOUCHPOINT_STATE_DIR", str(tmp_path))
        with pytest.raises(StackError, match=r"stack\.json does not say where kafka runs"):
            load_settings().kafka_address()


class TestSecrets:
    @pytest.fixture(autouse=True)
    def _state_dir(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOUCHPOINT_STATE_DIR", str(tmp_path))

    def test_without_a_key_the_error_names_both_ways_to_give_one(self) -> None:
        with pytest.raises(ConfigError, match="set TOUCHPOINT_PSEUDONYM_KEY or TOUCHPOINT_PSEUDONYM_KEY_FILE"):
            load_settings().pseudonym_key_bytes()

    @pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
    def test_a_key_from_a_file_equals_the_same_key_from_the_environment(
        self, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "key").write_bytes((SECRET + ending).encode())
        monkeypatch.setenv("TOUCHPOINT_PSEUDONYM_KEY_FILE", str(tmp_path / "key"))
        assert load_settings().pseudonym_key_bytes() == SECRET.encode()

    def test_the_key_in_the_state_directory_is_used_when_none_is_set(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pseudonym.key").write_text("made-by-the-embedded-stack")
        assert load_settings().pseudonym_key_bytes() == b"made-by-the-embedded-stack"
        monkeypatch.setenv("TOUCHPOINT_PSEUDONYM_KEY", SECRET)
        assert load_settings().pseudonym_key_bytes() == SECRET.encode()

    def test_a_short_key_is_refused_without_showing_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOUCHPOINT_PSEUDONYM_KEY", "fifteen--bytes-")
        with pytest.raises(ConfigError) as caught:
            load_settings().pseudonym_key_bytes()
        assert str(caught.value) == "TOUCHPOINT_PSEUDONYM_KEY: the key has 15 bytes, at least 16 are needed"

    def test_an_unreadable_secret_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOUCHPOINT_CLICKHOUSE_PASSWORD_FILE", str(tmp_path / "absent"))
        with pytest.raises(ConfigError, match=r"clickhouse_password_file .*absent: No such file"):
            load_settings().clickhouse_password_text()

    def test_a_secret_given_twice_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOUCHPOINT_CLICKHOUSE_PASSWORD", SECRET)
        monkeypatch.setenv("TOUCHPOINT_CLICKHOUSE_PASSWORD_FILE", "elsewhere")
        assert mistakes() == ["both clickhouse_password and clickhouse_password_file are set: keep one"]

    def test_no_secret_is_in_any_text_about_the_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOUCHPOINT_CLICKHOUSE_PASSWORD", SECRET)
        monkeypatch.setenv("TOUCHPOINT_PSEUDONYM_KEY", SECRET)
        settings = load_settings()
        assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()} {describe(settings)}"
        assert (settings.clickhouse_password_text(), settings.pseudonym_key_bytes()) == (SECRET, SECRET.encode())

    def test_no_secret_is_in_a_message_about_a_mistake(self, config_file: Path) -> None:
        config_file.write_text(f'pseudonym_key = ["{SECRET}"]\nclickhouse_password = {{ a = "{SECRET}" }}\n')
        with pytest.raises(ConfigError) as caught:
            load_settings()
        assert SECRET not in str(caught.value)
        assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


@given(epoch=st.integers(0, 4095), share=st.floats(0.001, 1), ids=st.lists(st.text(max_size=5)))
def test_what_config_show_prints_can_be_set_again(epoch: int, share: float, ids: list[str]) -> None:
    settings = Settings(epoch=epoch, reject_share_limit=share, placeholder_customers=tuple(ids))
    shown = {entry["name"]: entry["value"] for entry in describe(settings)}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("epoch", "reject_share_limit", "placeholder_customers"):
            patch.setenv(variable(name), shown[name] or "")
        assert load_settings() == settings
