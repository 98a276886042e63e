import stat

import pytest

from pprl import ConfigError, LinkageKey


def test_a_saved_key_is_read_back_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "k"
    key = LinkageKey.generate()
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == 32
    assert LinkageKey.from_file(path) == key


def test_a_key_is_never_overwritten(tmp_path):
    path = tmp_path / "k"
    LinkageKey.generate().save(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        LinkageKey.generate().save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o610])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "k"
    LinkageKey.generate().save(path)
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        LinkageKey.from_file(path)
    assert caught.value.code == "key.readable_by_others"
    assert "chmod 600" in caught.value.hint


def test_a_short_key_is_refused_with_its_length(tmp_path):
    path = tmp_path / "k"
    path.write_bytes(b"fifteen bytes..")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="15 bytes"):
        LinkageKey.from_file(path)


def test_missing_key_files_and_folders_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no key file"):
        LinkageKey.from_file(tmp_path / "none")
    with pytest.raises(ConfigError, match="can't be read"):
        LinkageKey.from_file(tmp_path)
    with pytest.raises(ConfigError, match="can't be written"):
        LinkageKey.generate().save(tmp_path / "none" / "k")


def test_keys_of_different_purposes_and_secrets_differ():
    one, other = LinkageKey(b"a" * 32), LinkageKey(b"b" * 32)
    derived = {key.derive(purpose) for key in (one, other) for purpose in ("token/nik", "clk/x")}
    assert len(derived) == 4
    assert one.check != other.check


def test_derivation_is_hkdf_sha256_with_the_documented_info():
    # RFC 5869 by hand: extract with a zero salt, expand with info and counter 1.
    import hashlib  # noqa: PLC0415 - an independent second implementation
    import hmac  # noqa: PLC0415

    secret = b"s" * 20
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    expanded = hmac.new(extracted, b"pprl/v1/token/nik\x01", hashlib.sha256).digest()
    assert LinkageKey(secret).derive("token/nik") == expanded


def test_a_key_never_shows_itself():
    key = LinkageKey(b"very secret secret")
    assert "secret secret" not in repr(key).replace("secret bytes", "")
    assert "very" not in f"{key} {key!r}"
