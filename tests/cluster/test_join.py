"""A cluster that cannot be joined."""

import socket

import pytest

from rm_ray.cluster.join import check_head
from rm_ray.errors import ClusterError


def test_a_cluster_whose_head_is_gone_is_refused_with_its_address(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        check_head(address, seconds=0)
    with pytest.raises(ClusterError, match=f"nobody answers at {address}, the Ray of RAY_ADDRESS"):
        check_head(address, seconds=0)
    left = tmp_path / "ray_current_cluster"
    monkeypatch.setattr("rm_ray.cluster.join.RUNS_HERE", left)
    check_head(None, seconds=0)  # no cluster here
    left.write_text(f"{address}\n")
    for name in (None, "auto"):
        with pytest.raises(ClusterError, match=f"the Ray of {left}"):
            check_head(name, seconds=0)
    check_head("local", seconds=0)
