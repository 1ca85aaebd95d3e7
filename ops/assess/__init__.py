"""The assessment of an account: collectors read it, checks judge plain data, renderers tell."""
