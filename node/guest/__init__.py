"""What agents in guests say."""
