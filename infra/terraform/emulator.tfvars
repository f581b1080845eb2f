# What an emulator needs otherwise than AWS. `make deploy-local` adds the addresses.
emulator             = true
deletion_protection  = false
force_destroy        = true
secret_recovery_days = 0
api_gateway_account  = false
tracing              = false
upload_service       = "external"
scan_dispatch        = true
