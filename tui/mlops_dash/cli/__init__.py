"""The command line: the screens' answers without a screen."""
