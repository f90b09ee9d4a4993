import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.events import EPOCH, MAX_MILLISECONDS, Arrived, Operation, Transferred
from pipeline.core.record import Decoded
from pipeline.core.vocabulary import OperationStatus, TransferKind
from pipeline.source.encode import encode
from tests.contract.records import PARTITION, kafka_record, small_decoder

TIME = 1_741_078_800_500
TEXT = st.text(min_size=1, max_size=50)


def test_binary_mode_says_who_what_when_in_headers() -> None:
    event = Arrived(interaction="call-1", touch_point="call_center/retail/line", time=TIME)

    key, value, headers = encode(event, "call_center", "id-1", "pbx/7")

    assert (key, orjson.loads(value)) == (
        b"call-1",
        {"interaction": "call-1", "touch_point": "call_center/retail/line", "time": TIME},
    )
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"id-1",
        "ce_type": b"touchpoint.call_center.arrived.v1",
        "ce_source": b"pbx/7",
        "ce_time": b"2025-03-04T09:00:00.500Z",
        "ce_dataschema": b"urn:touchpoint:arrived:1-0-0",
        "content-type": b"application/json",
    }


def test_times_leave_as_epoch_milliseconds() -> None:
    event = Arrived(interaction="i", touch_point="branch/1/teller", time=EPOCH.replace(year=2025))

    assert orjson.loads(encode(event, "branch", "id", "s")[1])["time"] == 1_735_689_600_000


def test_the_published_name_of_a_field_is_written() -> None:
    event = Transferred(interaction="i", touch_point="branch/1/teller", time=1, transfer=TransferKind.WARM)

    assert orjson.loads(encode(event, "branch", "id", "s")[1])["kind"] == "warm"


def test_an_operation_has_no_channel() -> None:
    event = Operation(interaction="i", system="s", operation="o", time=1, seconds=1, status=OperationStatus.OK)

    assert dict(encode(event, None, "id", "s")[2])["ce_type"] == b"touchpoint.operation.v1"


def test_an_event_without_its_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="needs its channel"):
        encode(Arrived(interaction="i", touch_point="t", time=1), None, "id", "s")


def test_headers_belong_to_the_caller() -> None:
    event = Arrived(interaction="i", touch_point="branch/1/teller", time=1)

    encode(event, "branch", "id", "s")[2].clear()

    assert len(encode(event, "branch", "id", "s")[2]) == 7


@given(TEXT, TEXT, st.none() | st.text(max_size=200), st.integers(0, MAX_MILLISECONDS), st.booleans())
def test_whatever_fits_the_contract_is_read_back_as_sent(
    interaction: str,
    event_id: str,
    customer: str | None,
    time: int,
    synthetic: bool,  # noqa: FBT001  # drawn
) -> None:
    event = Arrived(
        interaction=interaction, touch_point="branch/1/teller", time=time, customer=customer, synthetic=synthetic
    )

    key, value, headers = encode(event, "branch", event_id, "s")
    result = small_decoder().decode(kafka_record(key, value, headers, stamp=time), PARTITION, 0, {interaction})

    assert isinstance(result, Decoded)
    assert (result.event, result.key, result.interaction) == (event, f"s\x1f{event_id}", interaction)
