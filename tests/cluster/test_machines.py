"""A user is told what is free on the machines of the cluster."""

import re
import time

import ray

from rm_ray.cluster.machines import free_resources


def test_what_other_jobs_have_taken_is_told(ray_cluster):
    class Holder:
        pass

    def until(taken):
        deadline = time.monotonic() + 60
        while ray.available_resources().get("CPU", 0) > 4 - taken and time.monotonic() < deadline:
            time.sleep(0.1)
        return free_resources()

    assert re.fullmatch(r"[0-4](\.\d+)? of 4 CPUs are free", free_resources())
    holder = ray.remote(num_cpus=4)(Holder).remote()
    assert until(taken=4) == "0 of 4 CPUs are free"
    ray.kill(holder)
