"""The stand-in for the aws and random providers, used only offline: it never reaches AWS."""
