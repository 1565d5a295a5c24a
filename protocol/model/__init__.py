"""The oVirt v4 API model as frozen attrs classes: one file per resource. It must not hold behaviour."""
