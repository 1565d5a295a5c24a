"""The manager's decisions, a room per managed entity."""
