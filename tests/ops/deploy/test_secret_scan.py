"""Private keys and AWS key pairs, wherever they stand; and what only looks like them."""

import pytest

from ops.deploy.secret_scan import secrets_in

KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def found(text: str | bytes) -> list[tuple[int, str]]:
    return list(secrets_in(text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_private_keys(kind):
    assert found(f"a\nb\n-----BEGIN {kind}PRIVATE KEY-----\nMIIE\n") == [(3, "a private key")]


def test_a_pgp_private_key():
    assert found("-----BEGIN PGP PRIVATE KEY BLOCK-----") == [(1, "a private key")]


@pytest.mark.parametrize(
    "text", ["-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----", "BEGIN PRIVATE KEY"]
)
def test_what_is_public_is_not_refused(text):
    assert found(text) == []


@pytest.mark.parametrize("prefix", ["AKIA", "ASIA"])
def test_a_pair_at_any_offset(prefix):
    key_id = prefix + KEY_ID[4:]
    filler = "x\n" * 50_000
    text = f"{filler}id = '{key_id}'\n{'y ' * 100_000}\nsecret = \"{SECRET}\"\n"
    assert found(text) == [(50_001, "an AWS access key with its secret")]


def test_a_pair_in_minified_json_and_with_the_secret_first():
    assert found(f'{{"s":"{SECRET}","k":"{KEY_ID}"}}') == [(1, "an AWS access key with its secret")]


def test_a_pair_in_utf16():
    assert found(f"{KEY_ID} {SECRET}".encode("utf-16")) == [(1, "an AWS access key with its secret")]


def test_an_id_alone_opens_nothing():
    assert found(f"see {KEY_ID} and sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709") == []


def test_a_secret_alone_is_any_token():
    assert found(SECRET) == []


def test_longer_runs_are_neither():
    assert found(f"{KEY_ID}A {SECRET}") == []
    assert found(f"{KEY_ID} {SECRET}abc") == []
