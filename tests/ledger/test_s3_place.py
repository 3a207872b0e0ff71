"""Addresses of stores in a bucket: what is read, what is refused, and that no key is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.config_file import apply_sets
from search_spaces.presets import demo
from sweep.command_line.main import main
from trainables.data.stores import store_at
from trainables.ledger.s3.place import S3Place, is_s3, read_place
from trainables.ledger.store import Store

SECRET = "wJalrXUtnFEMI"


def test_an_address_of_pyarrow_is_read():
    found = read_place("s3://bucket/a/b?endpoint_override=localhost:9000&scheme=http&region=eu-west-1")
    assert found == S3Place(
        bucket="bucket", prefix="a/b", endpoint_override="localhost:9000", scheme="http", region="eu-west-1"
    )
    assert found.endpoint == "http://localhost:9000"
    assert read_place("s3://bucket").endpoint == ""
    assert read_place("s3://bucket/a?endpoint_override=https%3A%2F%2Fminio.lab").endpoint == "https://minio.lab"


@given(
    st.builds(
        S3Place,
        bucket=st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}[a-z0-9]", fullmatch=True),
        prefix=st.lists(st.from_regex(r"[A-Za-z0-9 %?&=+#äß_-]{1,10}", fullmatch=True), max_size=3).map("/".join),
        endpoint_override=st.sampled_from(["", "localhost:9000", "https://minio.lab"]),
        scheme=st.sampled_from(["http", "https"]),
        lease_seconds=st.integers(3, 1000).map(float),
        cache_gb=st.sampled_from([0.5, 100.0, 2000.0]),
    )
)
def test_an_address_says_all_of_a_place(place):
    assert read_place(str(place)) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://", "is no name of a bucket; allowed: s3://BUCKET/PREFIX"),
        ("s3:///a", "is no name of a bucket"),
        ("s3://Bucket/a", "is no name of a bucket"),
        ("s3://bucket/a//b", "is no prefix"),
        ("s3://bucket/../b", "is no prefix"),
        ("s3://bucket/" + 700 * "a", "at most 624 bytes"),
        ("s3://bucket/a?endpoint=b", "did you mean 'endpoint_override'"),
        ("s3://bucket/a?scheme=ftp", "unknown scheme 'ftp'"),
        ("s3://bucket/a?endpoint_override=a/b", "allowed: HOST or HOST:PORT"),
        ("s3://bucket/a?lease_seconds=1", "lease_seconds must be 3 to 1000000, got 1"),
        ("s3://bucket/a?lease_seconds=nan", "lease_seconds must be 3 to 1000000, got nan"),
        ("s3://bucket/a?wait_seconds=soon", "wait_seconds must be a number, got 'soon'"),
        ("s3://bucket/a#b", "without #"),
        ("s3://bucket/a%00b", "without control characters"),
        (f"s3://key:{SECRET}@bucket/a", "holds no keys; allowed: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_what_is_no_place_is_refused(text, message):
    with pytest.raises(ValueError, match="(?s)" + message) as caught:
        read_place(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--store", f"s3://key:{SECRET}@bucket/a"],
        ["status", "--set", f"store=s3://key:{SECRET}@bucket/a"],
        ["report", f"s3://key:{SECRET}@bucket/a"],
        ["check", f"s3://key:{SECRET}@bucket/a"],
    ],
)
def test_keys_in_an_address_are_refused_and_not_shown(words, capsys):
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2
    assert "holds no keys" in err
    assert SECRET not in out + err


def test_a_configuration_takes_an_address_as_its_store():
    config = apply_sets(demo(), ["store=s3://bucket/a?scheme=http"])
    assert config.store == "s3://bucket/a?scheme=http"


def test_a_folder_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_s3(tmp_path)
    assert type(store_at(tmp_path)) is Store
    assert store_at("results/a").root == tmp_path / "results" / "a"


def test_stores_of_different_places_have_different_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path))
    texts = ["s3://bucket/a", "s3://bucket/b", "s3://bucket/a?endpoint_override=c", "s3://other/a"]
    assert len({store_at(text).root for text in texts}) == 4
    assert store_at("s3://bucket/a?lease_seconds=5").root == store_at("s3://bucket/a").root
