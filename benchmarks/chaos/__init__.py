"""What becomes of a sweep when everything around it breaks: kills, damaged files, full disks, hostile input."""
