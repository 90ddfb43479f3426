# SPDX-License-Identifier: GPL-3.0-or-later
"""Loss at full length: 50,000 files made and 50,000 removed as fast as one
core can, twice, beside inotifywait on the same tree; then made and removed at
once.  Every change is told, or lies in a blind interval that a rescan closed."""
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

sys.exit(subprocess.run([sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "tests/root/test_loss.py"],
                        cwd=TOP, env=dict(os.environ, CORDON_LOSS="50000")).returncode)
