"""What the commands do, one file each; nothing here is imported before its command is called."""
