"""Nobody adds a source over the network: what takes more than a look is known, and none does."""

from tests.fuzz.house import changing

KNOWN = {
    "/login", "/logout",
    "/whep/{stream}", "/whep/{stream}/{id}", "/whip/{stream}", "/whip/{stream}/{id}",
}  # fmt: skip


def test_all_routes_that_change_something_are_known() -> None:
    assert changing() == KNOWN
