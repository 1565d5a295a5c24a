"""What the gateway knows: the engine's rows, followed change by change."""
