"""What a client accepts, against what there is."""

from __future__ import annotations

import pytest

from cube.manager.negotiation import accepts, check_content
from cube.manager.replies import HttpRefusal
from tests.manager.requests import a_request

JSON = frozenset({"application/json", "application/problem+json"})


@pytest.mark.parametrize(
    ("accept", "fits"),
    [
        ("application/json", True),
        ("APPLICATION/JSON;q=0.5", True),
        ("text/html, application/*;q=0.1", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("*", True),
        ("", True),
        ("text/html", False),
        ("text/*, image/png", False),
        ("application/json;q=0", False),
        ("application/json; q=0.0, text/html", False),
    ],
)
def test_a_range_fits_a_type(accept: str, fits: bool) -> None:
    assert accepts(accept, JSON) is fits


@pytest.mark.parametrize("content", ["application/x-yaml", "text/xml", "Multipart/Form-Data"])
async def test_a_format_that_is_not_read_is_refused_by_name(content: str) -> None:
    with pytest.raises(HttpRefusal, match="is not read here, only JSON"):
        check_content(a_request(headers={"Content-Type": content}))
