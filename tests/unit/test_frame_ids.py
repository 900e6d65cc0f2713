"""A frame's own name is its `id`; what its data calls `id` is the client's affair."""

import pytest

from chalicelib.protocol import read


@pytest.mark.parametrize("thing", [7, "shape-1", "x" * 65, None, {"nested": True}])
def test_what_is_relayed_may_call_its_own_things_id(thing: object) -> None:
    assert read({"type": "draw", "data": {"id": thing, "x": 3}}).id is None


def test_a_frame_is_named_beside_its_type() -> None:
    assert read({"type": "draw", "id": "d1", "data": {"id": 7}}).id == "d1"
