"""Lists about people as files: what there is to export, and the page with the one door they leave by."""
