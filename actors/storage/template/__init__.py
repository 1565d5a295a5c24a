"""The template's room: importing an image as one, changing and removing it. It must not make disks itself."""
