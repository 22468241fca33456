"""What a container is told of its devices."""

from __future__ import annotations

import pytest

from cube.model.extras import Share, env_of


@pytest.mark.parametrize(
    ("devices", "env"),
    [
        ((), {}),
        ((Share("gpu", 0, 1000), Share("gpu", 3, 1000)), {"CUBE_EXTRA_GPU": "0,3"}),
        ((Share("gpu", 2, 500),), {"CUBE_EXTRA_GPU": "2", "CUBE_EXTRA_GPU_SHARE": "0.5"}),
        (
            (Share("nvme-disk", 1, 1000), Share("gpu", 0, 125)),
            {
                "CUBE_EXTRA_NVME_DISK": "1",
                "CUBE_EXTRA_GPU": "0",
                "CUBE_EXTRA_GPU_SHARE": "0.125",
            },
        ),
    ],
)
def test_devices_are_told_by_number_and_a_part_of_one_by_its_size(
    devices: tuple[Share, ...], env: dict[str, str]
) -> None:
    assert env_of(devices) == env
