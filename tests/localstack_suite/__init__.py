"""What only LocalStack can show: `make test-localstack` starts it and runs this folder and the storage suites against it."""
