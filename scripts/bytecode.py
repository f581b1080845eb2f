"""Compile a folder the same way every time: `PYTHONHASHSEED=0 python3.13 -P bytecode.py FOLDER PREFIX`.

Run by the Python that will import it, so nothing but the standard library is here. The hash of the source is in each file and not
looked at again (unchecked), hence no timestamp; files are compiled in the order of their names, since what a code object shares
with another depends on what was compiled before. `PREFIX` is the folder's place at run time, for tracebacks.
"""

import py_compile
import sys
from pathlib import Path


def main() -> None:
    """Compile every module below the folder; fail at the first that does not compile."""
    folder, prefix = Path(sys.argv[1]), sys.argv[2].rstrip("/")
    for source in sorted(folder.rglob("*.py")):
        py_compile.compile(
            str(source),
            dfile=f"{prefix}/{source.relative_to(folder).as_posix()}",
            doraise=True,
            quiet=1,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


if __name__ == "__main__":
    main()
