"""One script per rule, named like it. `lib` holds the code that they share."""

import sys
from importlib.util import find_spec

if not find_spec("numpy"):
    sys.exit(
        "The project's packages are not here. Type `source .venv/bin/activate`; `make demo` makes "
        "that environment."
    )
