"""What a process tells of itself while it works: log lines, traces and measures. Never a secret."""
