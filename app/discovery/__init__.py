"""What a stranger is told: from the bare address to credits that can be spent."""
