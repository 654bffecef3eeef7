"""The promises of the front page, each proved from end to end."""
