"""What a config says about who may look, and when it is refused."""

from pathlib import Path

import pytest

from pipeline.config import ConfigError, load_config
from tests.access.house import HASHER
from tests.config.parts import LOOKED_AT, load, mistakes

BASE = "streams: { lobby: x }" + LOOKED_AT
HASH = HASHER.hash("correct horse")
USERS = f'users: {{ anna: {{ password: "{HASH}" }} }}'
LINE = f"{BASE.count(chr(10)) + 1}: "


def http(text: str) -> str:
    return f"{BASE}http: {{ {text} }}\n"


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8443", "192.168.1.5:80", "[::]:80", "cameras.example.org:443"]
)
def test_what_others_reach_wants_tls_and_access(listen: str) -> None:
    assert mistakes(http(f'listen: "{listen}"')) == [
        f"{LINE}http.listen: wanted `tls` (such as `tls: self-signed`) and `access` with `users`, "
        f"because {listen} can be reached from other machines, got none; listen on 127.0.0.1, or "
        "say `insecure: true`"
    ]
    listen = f'listen: "{listen}"'
    assert "wanted `access` with" in mistakes(http(f"{listen}, tls: self-signed"))[0]
    assert "wanted `tls` (such" in mistakes(http(f"{listen}, access: {{ {USERS} }}"))[0]
    assert mistakes(http(f"{listen}, tls: self-signed, access: {{ {USERS} }}")) == []
    assert mistakes(http(f"{listen}, insecure: true")) == []


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:0", "127.5.6.7:80", '"[::1]:80"', "localhost:80", "null"]
)
def test_what_only_this_machine_reaches_wants_nothing(listen: str) -> None:
    assert mistakes(http(f"listen: {listen}")) == []


def test_behind_a_proxy_it_wants_access_wherever_it_listens() -> None:
    assert "others reach it through `proxies`" in mistakes(http("proxies: 127.0.0.1"))[0]
    assert mistakes(http(f"proxies: 127.0.0.1, access: {{ {USERS} }}")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("access: {}", "http.access: wanted the key 'users', got none"),
        ("access: { users: {} }", "http.access.users: "),
        ("access: { users: { a: {} } }", "a: wanted `password`, `token` or both, got neither"),
        ("access: { users: { a: { password: hunter2 } } }", "a.password: wanted a hash as `framew"),
        ("access: { users: { a: { token: 12345 } } }", "a.token: wanted text, in quotes"),
        ("access: { users: { a: { token: hunter2 } } }", "a.token: wanted at least 20 signs, such"),
        ("access: { users: { 'a:b': { token: hunter2hunter2hunter2 } } }", "users"),
        (f"access: {{ {USERS}, secret: hunter2 }}", "http.access.secret: wanted at least 32 signs"),
        (
            'access: { users: { a: { token: "tttttttttttttttttttttttt", streams: loby } } }',
            "a.streams: wanted a stream, got 'loby'; did you mean lobby?",
        ),
        (
            'access: { users: { a: { token: "tttttttttttttttttttttttt", role: root } } }',
            "a.role: wanted 'viewer' or 'admin', got 'root'",
        ),
        ("tls: {}", "http.tls: wanted either `certificate` and `key`, or `self-signed`"),
        ("tls: { certificate: a.pem }", "http.tls: wanted `certificate` and `key` together"),
        ("tls: { certificate: a, key: b, self-signed: c }", "http.tls: wanted either"),
        ("tls: signed", "http.tls: wanted a mapping, got 'signed'"),
        ("origins: evil", "http.origins: wanted a site, such as https://dashboard.example.org"),
        ('origins: "*"', "http.origins: wanted a site, such as https://dashboard.example.org"),
        ("origins: https://a.b/", "http.origins: wanted a site, such as https://dashboard"),
        (f'proxies: "*", access: {{ {USERS} }}', "http.proxies: wanted an address, such as"),
        ("limits: { body_s: 0 }", "http.limits.body_s: wanted a number greater than 0, got 0"),
        ("limits: { body: 1 }", "http.limits.body: unknown key 'body'; did you mean body_s or bo"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_no_secret_with_it(text: str, said: str) -> None:
    found = mistakes(http(text))
    assert any(said in mistake for mistake in found), found
    assert "hunter2" not in str(found).replace("hunter2hunter2hunter2", "")


def test_a_token_from_the_environment_is_shown_by_its_name_only() -> None:
    config = load(
        http('names: "${N}", access: { users: { w: { token: "${WALL}" } }, secret: "${SECRET}" }'),
        {"WALL": "w" * 24, "SECRET": "s" * 40, "N": "inside.example"},
    )
    shown = repr(config)
    for secret in ("w" * 24, "s" * 40, "inside.example"):
        assert secret not in shown
    assert config.http.access is not None
    token = config.http.access.users["w"].token
    assert token is not None
    assert token.get_secret_value() == "w" * 24


def test_a_secret_that_is_not_in_the_environment_is_told_once() -> None:
    (found,) = mistakes(http(f'access: {{ {USERS}, secret: "${{SECRET}}" }}'))
    assert "wanted the environment variable SECRET, got none" in found


def test_self_signed_is_short_for_a_folder() -> None:
    tls = load(http("tls: self-signed")).http.tls
    assert tls is not None
    assert tls.folder == Path("framewire-tls")
    other = load(http("tls: { self-signed: /var/lib/framewire }")).http.tls
    assert other is not None
    assert other.folder == Path("/var/lib/framewire")


def test_a_certificate_that_is_not_there_is_told_when_the_config_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "streams: { a: testcard }\nsinks: { out: { sink: 'null', from: capture } }\n"
        "http: { tls: { certificate: a.pem, key: a.key } }\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(caught.value) == (
        f"{path}:3:14: http.tls: wanted a certificate that can be read, got {tmp_path}/a.pem: "
        "No such file or directory"
    )
