"""Sources: files, cameras, streams, folders, test card."""
