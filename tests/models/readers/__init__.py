"""The readers of weight files: files made for a purpose, right ones and lying ones."""
