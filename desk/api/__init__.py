"""The desk for programs: the same acts as JSON, by a token, each call once; described in one OpenAPI document."""
