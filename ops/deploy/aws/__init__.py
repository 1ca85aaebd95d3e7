"""A small AWS client for the dozen calls a deploy makes.

botocore signs and sends them just as well, but importing it and making four clients costs more
processor time than everything else in a deploy that changes nothing. The requests are the SDK's, byte
for byte where it matters: a test holds each of them to what botocore sends. Credentials that are not in
the environment still come from botocore (profiles, SSO, roles, metadata services).
"""
