"""What tests of several folders share: data, commands and checks."""
