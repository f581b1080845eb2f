"""What a function's process runs: AWS's runtime client with the function's code on the path and no other package.

`python -I -S -B bootstrap.py RUNTIME-FOLDER CODE-FOLDER HANDLER`. The code comes first, as /var/task does on Lambda.
"""

import sys

if __name__ == "__main__":
    runtime, code, handler = sys.argv[1:]
    sys.path[:0] = [code, runtime]
    sys.argv = [sys.argv[0], handler]
    from awslambdaric.__main__ import main

    main(sys.argv)
