from datetime import date
from pathlib import Path

import pytest

from auditor import ignorefile
from auditor.errors import UsageError
from auditor.match.suppress import IgnoreEntry

GOOD = """
# why we keep what we keep
[[ignore]]
resource = "projects/example-prod/regions/*/addresses/reserved-for-dr-*"
codes    = ["address-unused"]
reason   = "DR failover range, ticket OPS-123"
expires  = 2027-03-31
owner    = "team-network"

[[ignore]]
resource  = "projects/example-prod/global/addresses/vanity"
reason    = "printed on the van"
permanent = true
"""


def read(folder: Path, content: str | bytes) -> tuple[IgnoreEntry, ...]:
    path = folder / "ignore.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ignorefile.read(path)


def test_entries_with_their_place_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ignore.toml"
    assert read(tmp_path, GOOD) == (
        IgnoreEntry(
            "projects/example-prod/regions/*/addresses/reserved-for-dr-*",
            "DR failover range, ticket OPS-123",
            date(2027, 3, 31),
            frozenset({"address-unused"}),
            "team-network",
            f"{path}:3",
        ),
        IgnoreEntry("projects/example-prod/global/addresses/vanity", "printed on the van", None, where=f"{path}:10"),
    )


def test_an_empty_file_ignores_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('resource = ""', "resource: required"),
        ('resource = "a5f2*"', "is no glob on a relative resource name"),
        ('resource = "projects/p/**"', "is no glob on a relative resource name"),
        ("resource = 5", "resource: required"),
        ('reason = " "', "reason: required"),
        ('codes = "address-unused"', "codes: must be a list"),
        ('codes = ["adress-unused"]', "'adress-unused' is no reason code; allowed: address-unused"),
        ('expires = "2027-03-31"', "expires: must be a date like 2027-03-31, without quotes"),
        ("expires = 2027-03-31T00:00:00Z", "expires: must be a date"),
        ("permanent = true", "exclude each other"),
        ('permanent = "yes"', "permanent: must be true or false"),
        ("owner = 1", "owner: must be a text"),
        ('expiry = "soon"', "expiry: unknown key"),
    ],
)
def test_one_bad_line_is_named_with_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    fields = {
        "resource": 'resource = "projects/p/global/addresses/a"',
        "reason": 'reason = "why"',
        "expires": "expires = 2027-03-31",
    }
    fields[line.split(" ", maxsplit=1)[0]] = line
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "\n\n[[ignore]]\n" + "\n".join(fields.values()))
    assert caught.value.message.startswith(f"{tmp_path / 'ignore.toml'}:3: ")
    assert said in caught.value.message


def test_an_entry_needs_an_end(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expires: required"):
        read(tmp_path, '[[ignore]]\nresource = "projects/p/global/addresses/a"\nreason = "why"')


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "ignored = 1\n[[ignore]]\n[[ignore]]\nreason = 'x'\n")
    assert len(caught.value.message.splitlines()) == 6
    assert "ignore.toml:2: resource" in caught.value.message
    assert "ignore.toml:3: resource" in caught.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[[ignore]\n", "is not valid TOML: .*line 1"),
        (b"ignore = 5\n", "must be a list of tables"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_such_file(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        ignorefile.read(tmp_path / "nothing.toml")
