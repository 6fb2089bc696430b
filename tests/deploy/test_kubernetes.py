"""The manifests, and what runs in the pods: deploy/*.yaml, deploy/run.sh, deploy/Dockerfile."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import ray
import yaml
from packaging.version import Version

from rm_ray import __version__
from rm_ray.nightly.config import NightlyConfig
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
RAYJOB = DEPLOY / "rayjob.yaml"
NIGHTLY = DEPLOY / "nightly.yaml"
RUN = DEPLOY / "run.sh"
DAY = 24 * 3600


@pytest.fixture
def rayjob():
    (document,) = yaml.safe_load_all(RAYJOB.read_text())
    return document


@pytest.fixture
def nightly():
    return {document["kind"]: document for document in yaml.safe_load_all(NIGHTLY.read_text())}


@pytest.fixture
def cluster(rayjob):
    return rayjob["spec"]["rayClusterSpec"]


@pytest.fixture
def head(cluster):
    return cluster["headGroupSpec"]["template"]["spec"]


@pytest.fixture
def workers(cluster):
    (group,) = cluster["workerGroupSpecs"]
    return group


def container(pod):
    (one,) = pod["containers"]
    return one


def environment(pod):
    return {one["name"]: one["value"] for one in container(pod)["env"]}


# --- the run


def test_a_run_ends_and_its_cluster_goes(rayjob):
    spec = rayjob["spec"]
    assert spec["shutdownAfterJobFinishes"] is True
    assert 0 < spec["ttlSecondsAfterFinished"] <= 3600
    assert spec["backoffLimit"] == 1
    assert spec["submissionMode"] == "K8sJobMode"


def test_all_tries_of_a_night_are_over_before_the_next(rayjob, nightly):
    spec = rayjob["spec"]
    tries = spec["backoffLimit"] + 1  # KubeRay counts the deadline of each anew
    longest = tries * (spec["activeDeadlineSeconds"] + spec["ttlSecondsAfterFinished"])
    assert longest + nightly["CronJob"]["spec"]["startingDeadlineSeconds"] // 4 < DAY


def test_it_is_the_locks_ray_and_the_projects_version(cluster, head):
    assert cluster["rayVersion"] == ray.__version__
    assert f"\nray=={ray.__version__}\n" in (ROOT / "requirements" / "gpu.txt").read_text()
    assert container(head)["image"].endswith(f"/rm_ray:{__version__}")
    tags = re.findall(r"/rm_ray:(\S+)", RAYJOB.read_text())
    assert len(tags) > 2 and set(tags) == {__version__}  # built, pushed and pulled


def test_the_head_is_never_on_a_spot_machine_and_takes_no_task(cluster, head):
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    affinity = head["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = affinity["nodeSelectorTerms"]  # terms are alternatives; in one, all must hold
    never = {rule["key"]: rule["values"] for rule in term["matchExpressions"]}
    assert {rule["operator"] for rule in term["matchExpressions"]} == {"NotIn"}
    assert never["karpenter.sh/capacity-type"] == ["spot"]
    assert never["eks.amazonaws.com/capacityType"] == ["SPOT"]
    moved = cluster["headGroupSpec"]["template"]["metadata"]["annotations"]
    assert moved["karpenter.sh/do-not-disrupt"] == "true"
    assert "nvidia.com/gpu" not in str(head)


def test_workers_come_and_go_with_a_gpu_each(cluster, workers):
    assert cluster["enableInTreeAutoscaling"] is True
    assert (workers["minReplicas"], workers["replicas"]) == (0, 0)
    assert workers["maxReplicas"] > 0
    pod = workers["template"]["spec"]
    resources = container(pod)["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == "1"
    assert resources["limits"] == resources["requests"]
    assert float(resources["limits"]["cpu"]) >= 3, "an engine, a task that reads, one that writes"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod[
        "tolerations"
    ]


def test_a_stop_leaves_time_to_commit(head):
    assert environment(head)["RAY_JOB_STOP_WAIT_TIME_S"] == "60"


def test_only_those_with_the_token_submit(cluster):
    assert cluster["authOptions"] == {"mode": "token"}


def test_volumes_are_there_for_what_mounts_them(head, workers):
    for pod in (head, workers["template"]["spec"]):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in container(pod)["volumeMounts"]}
        assert set(mounts.values()) == volumes.keys()
        assert volumes[mounts["/dev/shm"]]["emptyDir"]["medium"] == "Memory"
        assert environment(pod)["HF_HOME"] in mounts
    weights = volumes["weights"]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert int(weights["resources"]["requests"]["storage"].removesuffix("Gi")) >= 30


def test_rays_objects_fit_the_workers_shared_memory(workers):
    pod = workers["template"]["spec"]
    memory = int(container(pod)["resources"]["limits"]["memory"].removesuffix("Gi"))
    (shm,) = [volume for volume in pod["volumes"] if volume["name"] == "shm"]
    assert int(shm["emptyDir"]["sizeLimit"].removesuffix("Gi")) >= 0.3 * memory


def test_secrets_are_references(rayjob, head, workers):
    for pod in (head, workers["template"]["spec"]):
        assert container(pod)["envFrom"] == [{"secretRef": {"name": "rm-ray", "optional": True}}]
        assert pod["serviceAccountName"] == "rm-ray"
        assert pod["securityContext"]["runAsNonRoot"]
        assert not container(pod)["securityContext"]["allowPrivilegeEscalation"]
    for path in DEPLOY.iterdir():
        assert not re.search(r"AKIA|ASIA|SECRET_ACCESS_KEY|hf_[A-Za-z]{10}", path.read_text()), path


# --- every night


def test_the_night_is_made_of_the_file_that_is_tested_here(nightly, rayjob):
    """One RayJob: the CronJob creates rayjob.yaml as the ConfigMap holds it."""
    spec = nightly["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    create = container(spec)
    (volume,) = spec["volumes"]
    (mount,) = create["volumeMounts"]
    assert create["args"][:3] == ["create", "-f", f"{mount['mountPath']}/{RAYJOB.name}"]
    assert {"key": RAYJOB.name, "path": RAYJOB.name} in volume["configMap"]["items"]
    # `create` makes another one each time only where the name is not given
    assert "name" not in rayjob["metadata"]
    assert len(rayjob["metadata"]["generateName"]) + 5 <= 47, "KubeRay refuses longer names"


def test_the_config_map_is_made_of_files_that_are_there(rayjob, nightly, head):
    files = re.findall(r"--from-file=(\S+)", RAYJOB.read_text())
    assert all((ROOT / name).is_file() for name in files)
    keys = {name.rsplit("/", 1)[-1] for name in files}
    (volume,) = [one for one in head["volumes"] if "configMap" in one]
    (mount,) = [one for one in container(head)["volumeMounts"] if one["name"] == volume["name"]]
    config = rayjob["spec"]["entrypoint"].split()[-1]
    folder, name = config.rsplit("/", 1)
    assert folder == mount["mountPath"]
    assert {name, RAYJOB.name} <= keys
    NightlyConfig.model_validate(yaml.safe_load((ROOT / "jobs" / name).read_text()))
    night = nightly["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert volume["configMap"]["name"] == night["volumes"][0]["configMap"]["name"] == "rm-ray"


def test_nights_do_not_overlap_and_leave_little(nightly):
    spec = nightly["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["successfulJobsHistoryLimit"] <= 7
    assert spec["failedJobsHistoryLimit"] <= 7
    assert spec["timeZone"] == "Etc/UTC", "rm_ray names a night by its date in UTC"


def test_what_makes_a_night_may_do_nothing_else(nightly):
    (rule,) = nightly["Role"]["rules"]
    assert rule == {"apiGroups": ["ray.io"], "resources": ["rayjobs"], "verbs": ["create"]}
    account = nightly["ServiceAccount"]["metadata"]
    (subject,) = nightly["RoleBinding"]["subjects"]
    assert subject == {"kind": "ServiceAccount", **account}
    assert nightly["RoleBinding"]["roleRef"]["name"] == nightly["Role"]["metadata"]["name"]
    pod = nightly["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account["name"]


def test_they_are_all_in_one_namespace(nightly, rayjob):
    assert {one["metadata"]["namespace"] for one in [rayjob, *nightly.values()]} == {"rm-ray"}


# --- what runs in the head


@pytest.fixture
def submitted(rayjob, tmp_path):
    """The entrypoint on its way: KubeRay's shell, `ray job submit`, the shell of Ray's job.

    Starts it with a stand-in for python that writes down its arguments, and ends with `status`.
    """
    (tmp_path / "rm_ray_job").write_text(RUN.read_text())
    (tmp_path / "rm_ray_job").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    def start(script):
        (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "python").chmod(0o755)
        # KubeRay puts it into a script as it is, behind `ray job submit ... --`
        submit = f"{sys.executable} -c 'import sys; print(\"\\0\".join(sys.argv[1:]))'"
        passed = subprocess.run(
            ["bash", "-c", f"{submit} {rayjob['spec']['entrypoint']} ;"],
            check=True, capture_output=True, text=True,
        ).stdout.rstrip("\n")  # fmt: skip
        # the CLI joins its arguments like this, and the job's supervisor gives them to a shell
        return subprocess.Popen(
            shlex.join(passed.split("\0")), shell=True, start_new_session=True, env=environment,
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    return start


@pytest.mark.parametrize(("status", "counts_as"), [(0, 0), (1, 1), (2, 2), (3, 0), (137, 137)])
def test_an_alert_is_no_failure_of_the_job(submitted, tmp_path, status, counts_as):
    job = submitted(f'echo "$*" > arguments; exit {status}')
    said, _ = job.communicate(timeout=10)
    assert job.returncode == counts_as
    assert ("exit status 3" in said) == (status == 3)
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments == ["-m", "rm_ray.nightly", "--config", "/etc/rm_ray/nightly.yaml"]


def test_a_stop_waits_for_what_python_commits(submitted, tmp_path):
    script = "trap 'sleep 0.5; echo done > committed; exit 1' TERM; echo > there; "
    job = submitted(script + "while :; do sleep 0.05; done")
    deadline = time.monotonic() + 10
    while not (tmp_path / "there").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    # Ray's supervisor tells every process of the job, shells too, and waits until all have ended
    os.killpg(job.pid, signal.SIGTERM)
    job.communicate(timeout=10)  # until nobody has its output open
    assert (tmp_path / "committed").read_text() == "done\n"


@pytest.mark.parametrize("job", ["score", "nightly", "filter", "report"])
def test_the_jobs_that_it_names_are_modules(job):
    assert (ROOT / "rm_ray" / job / "__main__.py").is_file()


def test_the_entrypoint_is_plain_words(rayjob):
    # two shells read it: what is special to one of them would not reach the other as it is
    assert re.fullmatch(r"[\w./ -]+", rayjob["spec"]["entrypoint"])


# --- the image


def dockerfile():
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line.split(None, 1) for line in lines]


def test_the_image_is_of_the_lock_and_the_wheel():
    steps = dockerfile()
    pips = [rest for step, rest in steps if step == "RUN" and rest.startswith("pip")]
    assert "pip install --no-cache-dir --no-deps -r /tmp/gpu.txt" in pips
    assert all("--no-deps" in rest for rest in pips)
    bases = {rest.split()[0] for step, rest in steps if step == "FROM"}
    (base,) = bases
    asked = re.search(r"--python (\S+)", (ROOT / "cluster.yaml").read_text()).group(1)
    assert base.startswith(f"python:{asked}-slim")
    assert Version(asked) >= Version("3.11")


def test_the_image_has_what_runs_in_it():
    steps = dockerfile()
    (apt,) = [rest for step, rest in steps if step == "RUN" and "apt-get" in rest]
    assert {"g++", "wget"} <= set(apt.split())
    users = [rest for step, rest in steps if step == "USER"]
    assert users == ["1000"]
    copied = [rest for step, rest in steps if step == "COPY"]
    assert "--chmod=755 deploy/run.sh /usr/local/bin/rm_ray_job" in copied


def test_the_image_lets_in_what_it_copies_and_nothing_else():
    sources = set()
    for step, rest in dockerfile():
        if step == "COPY" and "--from=" not in rest:
            sources |= {word for word in rest.split()[:-1] if not word.startswith("--")}
    assert all((ROOT / source).exists() for source in sources)
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in ignore if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert {line[1:] for line in patterns if line.startswith("!")} == sources
