"""LocalStack 4.14 community, the second emulator: as a container where Docker can get its image, else from PyPI.

4.14 is the last version that needs no account. `localstack/README.md` says what it shows that MiniStack does not,
and the reverse.
"""
