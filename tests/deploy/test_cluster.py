"""cluster.yaml: through Ray's own code, up to the requests that EC2 would get."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import boto3
import pytest
import ray
import yaml
from moto import mock_aws
from ray._private.resource_and_label_spec import ResourceAndLabelSpec
from ray.autoscaler._private import command_runner, util
from ray.autoscaler._private.aws import utils as aws_utils
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.commands import warn_about_bad_start_command
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil

from tests.conftest import ROOT

pytestmark = pytest.mark.cluster

CLUSTER = ROOT / "cluster.yaml"
LOCK = ROOT / "requirements" / "gpu.txt"


@pytest.fixture
def cluster():
    return yaml.safe_load(CLUSTER.read_text())


def make_home(home, monkeypatch):
    """A home folder with a token in it, and none of this machine's credentials."""
    monkeypatch.setenv("HOME", str(home))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("token")


@pytest.fixture
def home(tmp_path, monkeypatch):
    make_home(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture(scope="module")
def bootstrapped(tmp_path_factory):
    """What `ray up` makes of it, in an AWS that moto plays."""
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        make_home(tmp_path_factory.mktemp("home"), monkeypatch)
        monkeypatch.chdir(ROOT)  # local paths are those of the folder that `ray up` runs in
        config = util.prepare_config(yaml.safe_load(CLUSTER.read_text()))
        config = AWSNodeProvider.fillout_available_node_types_resources(config)
        util.validate_config(config)
        yield AWSNodeProvider.bootstrap_config(config)
    aws_utils.resource_cache.cache_clear()
    aws_utils.client_cache.cache_clear()


def commands(cluster, *keys):
    return [command for key in keys for command in cluster[key]]


def test_every_key_is_one_that_ray_knows(cluster):
    config = util.prepare_config(cluster)
    util.validate_config(config)
    assert config["available_node_types"]["head"]["max_workers"] == 0


def test_the_head_is_on_demand_and_workers_are_spot_machines_from_none(bootstrapped):
    iam = boto3.client("iam", region_name=bootstrapped["provider"]["region"])
    types = bootstrapped["available_node_types"]
    for node_type in types.values():
        profile = node_type["node_config"]["IamInstanceProfile"]["Name"]
        iam.create_instance_profile(InstanceProfileName=profile)
    provider = AWSNodeProvider(bootstrapped["provider"], bootstrapped["cluster_name"])
    assert not provider.cache_stopped_nodes, "a spot machine cannot be stopped"
    made = {}
    for name, node_type in types.items():
        (made[name],) = provider.create_node(node_type["node_config"], {}, 1).values()
    assert made["head"].instance_lifecycle is None
    assert made["gpu"].instance_lifecycle == "spot"
    for instance in made.values():
        (disk,) = instance.block_device_mappings
        assert disk["DeviceName"] == "/dev/sda1"
        assert disk["Ebs"]["DeleteOnTermination"]
        (volume,) = instance.volumes.all()
        assert volume.volume_type == "gp3"
        assert volume.size >= 100
    assert types["gpu"]["min_workers"] == 0
    assert types["gpu"]["max_workers"] == bootstrapped["max_workers"] > 0
    assert bootstrapped["idle_timeout_minutes"] > 0


def test_resources_are_what_the_machines_have(cluster, bootstrapped):
    ec2 = boto3.client("ec2", region_name=cluster["provider"]["region"])
    gpu = cluster["available_node_types"]["gpu"]
    (there,) = ec2.describe_instance_types(InstanceTypes=[gpu["node_config"]["InstanceType"]])[
        "InstanceTypes"
    ]
    assert gpu["resources"]["CPU"] == there["VCpuInfo"]["DefaultVCpus"]
    (card,) = there["GpuInfo"]["Gpus"]
    assert gpu["resources"]["GPU"] == card["Count"] == 1
    assert card["MemoryInfo"]["SizeInMiB"] > 40_000  # 7B in bf16, and a cache
    assert there["MemoryInfo"]["SizeInMiB"] >= 2**16


def test_no_task_runs_on_the_head(bootstrapped, monkeypatch):
    resources = bootstrapped["available_node_types"]["head"]["resources"]
    monkeypatch.setenv(
        "RAY_OVERRIDE_RESOURCES", json.dumps(resources)
    )  # as `ray up` starts Ray there
    spec = ResourceAndLabelSpec().resolve(is_head=True, node_ip_address="127.0.0.1")
    assert spec.num_cpus == 0
    assert not spec.num_gpus


@pytest.mark.parametrize(
    ("wanted", "machines"),
    [
        ([{"CPU": 1, "GPU": 1}, {"CPU": 1.25}], 1),  # an engine, and one task that reads for it
        ([{"CPU": 1}], 1),  # a report's: there is no other machine for it
        ([{"CPU": 1, "GPU": 1}] * 3, 3),
        ([{"CPU": 1, "GPU": 1}] * 100, 16),
    ],
)
def test_rays_autoscaler_brings_gpu_machines_for_what_is_asked(bootstrapped, wanted, machines):
    config = AutoscalingConfig(bootstrapped)
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=config.get_node_type_configs(),
        max_num_nodes=config.get_max_num_nodes(),
        resource_requests=ResourceRequestUtil.group_by_count(
            [ResourceRequestUtil.make(bundle) for bundle in wanted]
        ),
    )
    launches = ResourceDemandScheduler().schedule(request).to_launch
    assert [(one.instance_type, one.count) for one in launches] == [("gpu", machines)]


def test_there_are_no_credentials_in_it(cluster):
    text = CLUSTER.read_text()
    assert not re.search(r"AKIA|ASIA|aws_secret|aws_access|BEGIN|hf_[A-Za-z]{10}", text)
    assert "aws_credentials" not in cluster["provider"]
    for node_type in cluster["available_node_types"].values():
        assert node_type["node_config"]["IamInstanceProfile"], "roles are how machines get to S3"


def test_the_token_and_the_lock_reach_every_machine(bootstrapped):
    # by the head: Ray rewrites file_mounts to the same paths on both sides
    mounts = bootstrapped["file_mounts"]
    assert mounts["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert Path(mounts["~/requirements/gpu.txt"]).samefile(LOCK)
    runtime, contents = util.hash_runtime_conf(mounts, None, bootstrapped, True)
    assert runtime
    assert contents


def test_commands_are_shell(cluster):
    found = [key for key in cluster if key.endswith("_commands")]
    assert sorted(found) == [
        "head_setup_commands", "head_start_ray_commands", "setup_commands",
        "worker_start_ray_commands",
    ]  # fmt: skip
    for command in commands(cluster, *found):
        checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
        assert not checked.returncode, checked.stderr
    warn_about_bad_start_command(cluster["head_start_ray_commands"])


# What stands in for programs: each says what it was called with, and makes what the next one needs
STAND_INS = {
    "python3": 'if [ "$1" = -m ]; then mkdir -p "$3/bin"; cp "$STAND_INS/pip" "$3/bin/"; fi',
    "pip": 'cp "$STAND_INS/uv" "${0%pip}"',
    "uv": 'if [ "$1" = venv ]; then for last; do :; done; mkdir -p "$last/bin"; '
    'cp "$STAND_INS/python" "$STAND_INS/ray" "$last/bin/"; fi',
    "python": "",
    "ray": 'env | grep "^RAY_" | sed "s/^/env /" >> "$SAID"',
    "g++": "",
    "sudo": "exit 1",
}


@pytest.fixture
def machine(home, monkeypatch):
    """Runs commands as Ray does by ssh on a fresh machine; says what its programs were asked."""
    stand_ins, said = home / "stand-ins", home / "said"
    stand_ins.mkdir()
    for name, does in STAND_INS.items():
        script = f'#!/bin/sh\necho "{name} $*" >> "$SAID"\n{does}\nexit 0\n'
        (stand_ins / name).write_text(script)
        (stand_ins / name).chmod(0o755)
    requirements = home / "requirements"
    requirements.mkdir()
    (requirements / "gpu.txt").write_text(LOCK.read_text())
    # as on Ubuntu: a login shell has the PATH that the machine gives it, and .bashrc is for people
    (home / ".bash_profile").write_text(f"PATH={stand_ins}:/usr/bin:/bin\n")
    (home / ".bashrc").write_text("case $- in *i*) ;; *) return ;; esac\n")
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)

    def run(*some):
        said.write_text("")
        for command in some:
            shell = command_runner._with_interactive(command)
            environment = os.environ | {"STAND_INS": str(stand_ins), "SAID": str(said)}
            # ssh joins its arguments, and the other side's shell reads them
            done = subprocess.run(
                " ".join(shell), shell=True, env=environment, capture_output=True, text=True,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            assert not done.returncode, (command, done.stderr)
        return said.read_text().replace(str(home), "~").splitlines()

    return run


def test_setup_installs_the_lock_and_nothing_else(cluster, machine, home):
    said = machine(*commands(cluster, "setup_commands"))
    assert said == [
        "python3 -c import ensurepip",
        "python3 -m venv ~/uv",
        "pip install -q uv",
        "uv venv -q --seed --managed-python --python 3.11 ~/env",
        "uv pip install -q --python ~/env/bin/python --no-deps -r ~/requirements/gpu.txt",
    ]
    assert (home / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600
    again = machine(*commands(cluster, "setup_commands"))
    assert again == [said[0], said[-1]]
    assert (home / ".bashrc").read_text().count("env/bin") == 1


def test_the_head_gets_the_boto3_that_goes_with_the_lock(cluster, machine):
    machine(*commands(cluster, "setup_commands"))
    (said,) = machine(*commands(cluster, "head_setup_commands"))
    (botocore,) = re.findall(r"^botocore==(\S+)$", LOCK.read_text(), re.M)
    assert said.endswith(f"-c ~/requirements/gpu.txt boto3=={botocore}")
    assert "\nboto3==" not in LOCK.read_text(), "it is in the lock: the command can go"


def test_the_lock_is_of_the_clusters_ray():
    assert f"\nray=={ray.__version__}\n" in LOCK.read_text()
    assert f"({ray.__version__})" in CLUSTER.read_text()


def test_ray_starts_on_the_head_with_a_token_and_time_to_stop(cluster, machine):
    machine(*commands(cluster, "setup_commands"))
    said = machine(*commands(cluster, "head_start_ray_commands"))
    assert said[0] == "ray stop"
    (start,) = [line for line in said if line.startswith("ray start")]
    assert {"--head", "--port=6379", "--dashboard-host=127.0.0.1"} <= set(shlex.split(start))
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in shlex.split(start)
    # Ray gives its own environment to a job's process, and to what watches and stops it
    started_in = said[said.index(start) + 1 :]
    assert "env RAY_AUTH_MODE=token" in started_in
    assert "env RAY_JOB_STOP_WAIT_TIME_S=60" in started_in


def test_ray_starts_on_workers_with_the_same_token(cluster, machine):
    machine(*commands(cluster, "setup_commands"))
    start = util.with_envs(cluster["worker_start_ray_commands"], {"RAY_HEAD_IP": "10.0.0.1"})
    said = machine(*start)
    assert "ray start --address=10.0.0.1:6379" in said
    assert said.count("env RAY_AUTH_MODE=token") == 2


def test_python_is_the_environments_for_whoever_logs_in(cluster, machine, home):
    machine(*commands(cluster, "setup_commands"))
    found = home / "found"
    machine(f"command -v python > {found}; command -v ray >> {found}")
    assert found.read_text().split() == [str(home / "env/bin/python"), str(home / "env/bin/ray")]
