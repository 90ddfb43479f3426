# SPDX-License-Identifier: GPL-3.0-or-later
"""All ways of the escape suite, in the order of the page and the table."""
import escape_devices  # noqa: F401
import escape_divert  # noqa: F401
import escape_hands  # noqa: F401
import escape_link  # noqa: F401
import escape_paths  # noqa: F401
from escape_rig import WAYS

ALL = list(WAYS.values())
