"""Every public method of harborapi, and what the tour does with it.

`COVERED` are called in `test_tour.py` and must succeed there. `LATER` belong to features that Moorage does not have yet; each is
called and must be told 501. `NOT` are not called, for the reason that is given.
"""

from __future__ import annotations

COVERED = frozenset({
    # users, groups, configuration
    "create_user", "delete_user", "get_current_user", "get_current_user_permissions", "get_user", "get_user_by_username",
    "get_users", "search_users_by_username", "set_user_admin", "set_user_cli_secret", "set_user_password", "update_user",
    "create_usergroup", "delete_usergroup", "get_usergroup", "get_usergroups", "search_usergroups", "update_usergroup",
    "get_config", "update_config",
    # projects, members, metadata, quotas
    "create_project", "delete_project", "get_project", "get_project_deletable", "get_project_logs", "get_project_retention_id",
    "get_project_summary", "get_projects", "project_exists", "update_project",
    "add_project_member", "add_project_member_group", "add_project_member_user", "get_project_member", "get_project_members",
    "remove_project_member", "update_project_member_role",
    "delete_project_metadata_entry", "get_project_metadata", "get_project_metadata_entry", "set_project_metadata",
    "update_project_metadata_entry",
    "get_quota", "get_quotas", "update_quota",
    "get_cve_allowlist", "update_cve_allowlist",
    # robots
    "create_robot", "delete_robot", "get_permissions", "get_robot", "get_robots", "refresh_robot_secret", "update_robot",
    # repositories, artifacts, tags, labels
    "delete_repository", "get_repositories", "get_repository", "update_repository",
    "copy_artifact", "delete_artifact", "get_artifact", "get_artifact_accessories", "get_artifact_build_history",
    "get_artifact_vulnerabilities", "get_artifact_vulnerability_reports", "get_artifacts",
    "create_artifact_tag", "delete_artifact_tag", "get_artifact_tags",
    "add_artifact_label", "create_label", "delete_artifact_label", "delete_label", "get_label", "get_labels", "update_label",
    "get_icon",
    # the system, the audit log
    "get_statistics", "get_system_info", "get_system_volume_info", "health_check", "ping", "search",
    "get_audit_logs",
    "create_purge_job_schedule", "get_purge_job", "get_purge_job_history", "get_purge_job_log", "get_purge_job_schedule",
    "stop_purge_job", "update_purge_job_schedule",
})  # fmt: skip

LATER = frozenset({
    # scanning
    "create_scan_all_schedule", "create_scanner", "delete_scanner", "download_scan_export", "export_scan_data",
    "get_artifact_scan_report_log",
    "get_project_scanner", "get_project_scanner_candidates", "get_scan_all_metrics", "get_scan_all_schedule",
    "get_scan_export", "get_scan_exports", "get_scanner", "get_scanner_metadata", "get_scanners", "ping_scanner_adapter",
    "scan_artifact", "set_default_scanner", "set_project_scanner", "stop_artifact_scan", "stop_scan_all_job",
    "update_scan_all_schedule", "update_scanner",
    # garbage collection, retention, immutability
    "create_gc_schedule", "get_gc_job", "get_gc_jobs", "get_gc_log", "get_gc_schedule", "update_gc_schedule",
    "create_retention_policy", "delete_retention_policy", "get_retention_execution_task_log", "get_retention_executions",
    "get_retention_metadata", "get_retention_policy", "get_retention_tasks", "start_retention_execution",
    "stop_retention_execution", "update_retention_policy",
    "create_project_immutable_tag_rule", "delete_project_immutable_tag_rule", "get_project_immutable_tag_rules",
    "update_project_immutable_tag_rule", "enable_project_immutable_tagrule",
    # replication, webhooks
    "check_registry_status", "create_registry", "create_replication_policy", "delete_registry", "delete_replication_policy",
    "get_registries", "get_registry", "get_registry_adapters", "get_registry_info", "get_registry_providers",
    "get_replication", "get_replication_policies", "get_replication_policy", "get_replication_task_log",
    "get_replication_tasks", "get_replications", "start_replication", "stop_replication", "update_registry",
    "update_replication_policy",
    "create_webhook_policy", "delete_webhook_policy", "get_webhook_jobs", "get_webhook_policies", "get_webhook_policy",
    "get_webhook_policy_last_trigger", "get_webhook_supported_events", "update_webhook_policy",
})  # fmt: skip

_V1 = "Harbor removed the robots of version 1 (`/projects/{id}/robots`); the description does not have them"
_ALIAS = "a deprecated name of the method with `purge_job` in its place"
_LDAP = "needs an LDAP server: tests/rbac and the how-to of LDAP"
_PART = "a part of the client, not an operation"

NOT: dict[str, str] = {
    "create_robot_v1": _V1,
    "delete_robot_v1": _V1,
    "get_robot_v1": _V1,
    "get_robots_v1": _V1,
    "update_robot_v1": _V1,
    "create_audit_log_rotation_schedule": _ALIAS,
    "get_audit_log_rotation": _ALIAS,
    "get_audit_log_rotation_history": _ALIAS,
    "get_audit_log_rotation_log": _ALIAS,
    "get_audit_log_rotation_schedule": _ALIAS,
    "stop_audit_log_rotation": _ALIAS,
    "update_audit_log_rotation_schedule": _ALIAS,
    "import_ldap_users": _LDAP,
    "ping_ldap": _LDAP,
    "search_ldap_groups": _LDAP,
    "search_ldap_users": _LDAP,
    "test_oidc": "needs an OpenID provider",
    "get_system_certificate": "downloads Harbor's own CA certificate; on AWS the certificate is Amazon's, so it is 404",
    "get_project_artifacts": "every artifact of a project in one list: not among the operations that clients rely on",
    "authenticate": _PART,
    "construct_model": _PART,
    "delete": _PART,
    "get": _PART,
    "get_file": _PART,
    "get_text": _PART,
    "head": _PART,
    "log_response": _PART,
    "no_retry": _PART,
    "no_validation": _PART,
    "patch": _PART,
    "post": _PART,
    "put": _PART,
    "raw_mode": _PART,
}
