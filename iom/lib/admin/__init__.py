"""What the admin pages of every floor share. Nothing here knows an app; import from the modules, not from here."""
