"""Writing files and folders: complete or not at all, and private."""
