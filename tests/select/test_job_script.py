"""jobs/select.py beside the standard library's module of the same name."""

import subprocess
import sys

from tests.conftest import ROOT


def test_whoever_imports_select_gets_the_standard_librarys():
    code = "import sys; sys.path.insert(0, 'jobs'); sys.modules.pop('select', None); "
    code += "import select; print(select.select([], [], [], 0), hasattr(select, 'give_way'))"
    run = [sys.executable, "-S", "-c", code]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "([], [], []) False\n", done.stderr
