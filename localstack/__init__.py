"""The local stack: an AWS emulator, API Gateway's behaviour, and the registry itself, in two processes on this machine."""
