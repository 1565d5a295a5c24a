"""Tests of mailbox, ref, actor loop, ports and directory."""
