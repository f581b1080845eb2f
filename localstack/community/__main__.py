"""Whether LocalStack's packages must be installed here: `python -m localstack.community` ends with 1 when only they can serve."""

from __future__ import annotations

import os
import sys

from localstack.community import container

if __name__ == "__main__":
    wanted = os.environ.get("MOORAGE_LOCALSTACK", "")
    is_served_otherwise = wanted not in ("", "host") or (not wanted and not container.obstacle())
    sys.exit(0 if is_served_otherwise else 1)
