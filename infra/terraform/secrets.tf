# Secrets without values: the functions write them, so no secret is ever in Terraform's state.
locals {
  secrets = {
    token_keys           = { name = "token-keys", about = "private keys of the token service" }
    registry_keys        = { name = "registry-keys", about = "public token keys and the keys of upload states" }
    admin_password       = { name = "admin-password", about = "first password of the user admin" }
    ldap_search_password = { name = "identity/ldap_search_password", about = "password of the LDAP search account" }
    oidc_client_secret   = { name = "identity/oidc_client_secret", about = "client secret of the OpenID provider" }
  }
  secret_names     = { for key, secret in local.secrets : key => "${var.name}/${secret.name}" }
  identity_secrets = ["ldap_search_password", "oidc_client_secret"]
}

resource "aws_secretsmanager_secret" "registry" {
  for_each = local.secrets

  name                    = local.secret_names[each.key]
  description             = "Moorage ${var.name}: ${each.value.about}"
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}
