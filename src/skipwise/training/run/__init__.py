"""A run in progress: its sessions, checkpoints, heartbeat and time limit."""
