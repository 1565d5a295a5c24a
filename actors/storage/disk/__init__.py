"""The disk's room: how a disk comes to be, grows, backs others and goes. It must not touch files."""
