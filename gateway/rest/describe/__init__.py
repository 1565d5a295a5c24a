"""The API as it describes itself: RSDL, OpenAPI, coverage."""
