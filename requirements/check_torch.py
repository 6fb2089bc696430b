"""Stop before a CUDA build of torch is downloaded for a machine that wants the CPU build."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """0 where pip would install a torch that asks for no CUDA packages."""
    lock = (Path(__file__).parent / "cpu.txt").read_text().splitlines()
    pin = next(line for line in lock if line.startswith("torch=="))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
        command += ["--ignore-installed", "--report", str(report), pin]
        if subprocess.run(command, check=False).returncode:
            print(f"pip finds no {pin} for this Python and machine", file=sys.stderr)
            return 1
        (chosen,) = json.loads(report.read_text())["install"]
    wants = chosen["metadata"].get("requires_dist", [])
    cuda = [name for name in wants if name.startswith(("nvidia", "cuda", "triton"))]
    if cuda and "+cpu" not in chosen["metadata"]["version"]:
        print(
            f"The package index in use offers only a CUDA build of {pin} (it would bring "
            f"{len(cuda)} CUDA packages, several GB). Point pip at PyTorch's index of CPU builds "
            "with PIP_EXTRA_INDEX_URL, or at a folder that holds the CPU wheel with "
            "PIP_FIND_LINKS, and run make again.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
