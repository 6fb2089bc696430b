"""What makes any job resumable: its folder, lease, rounds, commits, counting and truthful end."""
