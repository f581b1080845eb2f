"""The scan worker: a container that drains the queue of jobs."""
