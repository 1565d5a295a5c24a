"""What the commands of one run share: context, place, settings."""
