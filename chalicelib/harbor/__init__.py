"""Harbor's REST API v2.0: routes and JSON views, one file per resource; parse, permission, one use case, one view."""
